// Draws what /page/state says. Text from messages only ever becomes text nodes, never markup.
"use strict";

const POLL_MS = 1000;
const REACTIONS = [["white_check_mark", "✅"], ["eyes", "👀"], ["+1", "👍"], ["-1", "👎"]];
const seen = new Map(); // channel id -> ts of the newest message that was on screen
const openThreads = new Set(); // ts of the parents whose replies are shown
let version = null;
let channels = [];
let current = null;

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function drawSpan(span) {
  const classes = [...span.styles];
  if (span.mention) classes.push("mention", `mention-${span.mention.kind}`);
  if (!span.url) return classes.length ? make("span", classes.join(" "), span.text) : document.createTextNode(span.text);
  const link = make("a", classes.join(" "), span.text);
  if (/^(https?|mailto):/i.test(span.url)) link.href = span.url;
  link.title = span.url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  return link;
}

async function act(what) {
  const body = JSON.stringify({ channel: channels.find((channel) => channel.id === current).name, ...what });
  const response = await fetch("/page/act", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  return (await response.json()).ok;
}

function drawAction(paragraph, ts) {
  const button = make("button", "button", ...paragraph.spans.map(drawSpan));
  button.addEventListener("click", async () => {
    button.disabled = true;
    const heard = await act({ ts, action_id: paragraph.action }).catch(() => false);
    button.disabled = false;
    button.classList.toggle("unheard", !heard);
    button.title = heard ? "" : "The app did not answer.";
  });
  return button;
}

function drawPicker(ts) {
  const choices = REACTIONS.map(([name, glyph]) => {
    const button = make("button", "", glyph);
    button.title = `React with :${name}:`;
    button.addEventListener("click", () => act({ ts, name }).catch(() => false));
    return button;
  });
  return make("div", "picker", ...choices);
}

function drawFile(paragraph) {
  const picture = make("img", "file");
  picture.src = `/files/${encodeURIComponent(paragraph.file)}`;
  picture.alt = paragraph.spans.map((span) => span.text).join("");
  return picture;
}

function drawParagraph(paragraph, ts) {
  if (paragraph.file) return drawFile(paragraph);
  if (paragraph.action && !paragraph.spans.some((span) => span.url)) return drawAction(paragraph, ts);
  if (paragraph.kind === "image") return make("p", "picture", "Image: ", ...paragraph.spans.map(drawSpan));
  const node = make("p", paragraph.kind, ...paragraph.spans.map(drawSpan));
  node.style.setProperty("--indent", paragraph.indent);
  return node;
}

function drawBlock(block, ts) {
  return make("div", `block ${block.kind}`, ...block.paragraphs.map((paragraph) => drawParagraph(paragraph, ts)));
}

function drawTime(ts) {
  const when = new Date(Number(ts) * 1000);
  const node = make("time", "", when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  node.dateTime = when.toISOString();
  node.title = when.toLocaleString();
  return node;
}

function drawThread(message) {
  const count = message.replies.length;
  const thread = make("details", "thread",
    make("summary", "", count === 1 ? "1 reply" : `${count} replies`),
    make("ol", "", ...message.replies.map(drawMessage)));
  thread.open = openThreads.has(message.ts);
  thread.addEventListener("toggle", () => {
    if (thread.open) openThreads.add(message.ts);
    else openThreads.delete(message.ts);
  });
  return thread;
}

function drawMessage(message) {
  const byline = make("div", "byline", make("span", "author", message.author));
  if (message.app) byline.append(make("span", "badge", "APP"));
  byline.append(drawTime(message.ts));
  if (message.broadcast) byline.append(make("span", "note", "replied to a thread"));
  const body = make("div", "body", byline, ...message.blocks.map((block) => drawBlock(block, message.ts)));
  if (message.edited) body.append(make("span", "note", "(edited)"));
  if (message.reactions.length) {
    const chips = message.reactions.map((reaction) => make("span", "", `${reaction.glyph} ${reaction.count}`));
    body.append(make("div", "reactions", ...chips));
  }
  if (message.replies && message.replies.length) body.append(drawThread(message));
  const kind = `message ${message.app ? "app" : "person"}${message.deleted ? " deleted" : ""}`;
  return make("li", kind, make("div", "avatar", message.author[0]), body, ...(message.deleted ? [] : [drawPicker(message.ts)]));
}

function drawMessages(channel) {
  const rows = [];
  let day = "";
  for (const message of channel.messages) {
    const its = new Date(Number(message.ts) * 1000)
      .toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
    if (its !== day) rows.push(make("li", "day", make("span", "", its)));
    day = its;
    rows.push(drawMessage(message));
  }
  return rows.length ? rows : [make("li", "empty", "Nothing posted here yet.")];
}

function unread(channel) {
  const last = Number(seen.get(channel.id) || 0);
  return channel.messages.filter((message) => Number(message.ts) > last).length;
}

function drawChannelButton(channel) {
  const button = make("button", "", make("span", "name", `# ${channel.name}`));
  const count = unread(channel);
  if (channel.id === current) button.setAttribute("aria-current", "page");
  if (count) {
    button.classList.add("unread");
    button.append(make("span", "count", String(count)));
  }
  button.addEventListener("click", () => {
    current = channel.id;
    history.replaceState(null, "", `#${encodeURIComponent(channel.name)}`);
    draw(true);
  });
  return make("li", "", button);
}

function note(channel) {
  if (channel.archived) return "archived";
  if (!channel.member) return "the app is not a member";
  const count = channel.messages.length;
  return count === 1 ? "1 message" : `${count} messages`;
}

function draw(toTheEnd) {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const channel = channels.find((candidate) => candidate.id === current)
    || channels.find((candidate) => candidate.name === wanted) || channels[0];
  if (!channel) return;
  current = channel.id;
  if (channel.messages.length) seen.set(current, channel.messages[channel.messages.length - 1].ts);
  const list = document.getElementById("messages");
  const atTheEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const scrollTop = list.scrollTop;
  document.getElementById("channels").replaceChildren(...channels.map(drawChannelButton));
  document.getElementById("channel-name").textContent = `# ${channel.name}`;
  document.getElementById("channel-note").textContent = note(channel);
  document.title = `#${channel.name} – Slack stand-in`;
  list.replaceChildren(...drawMessages(channel));
  list.scrollTop = toTheEnd || atTheEnd ? list.scrollHeight : scrollTop;
}

async function poll() {
  try {
    const response = await fetch(`/page/state?version=${version}`);
    const state = await response.json();
    document.getElementById("lost").hidden = true;
    if (state.channels) {
      const first = version === null;
      channels = state.channels;
      version = state.version;
      draw(first);
    }
  } catch {
    document.getElementById("lost").hidden = false;
  }
  setTimeout(poll, POLL_MS);
}

poll();
