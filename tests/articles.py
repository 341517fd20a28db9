"""Pages of articles as sites build them: a text in ``tests/data/articles``, and boilerplate around it."""

from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "articles"
LAYOUTS = ("semantic", "divs")
ORDINARY = ("budget", "derby", "festival", "harvest", "shipyard", "trial")


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text()


def page(name: str, layout: str = "semantic", title: str = "From the region") -> bytes:
    """The page of a text, which begins, goes on and ends between what the site puts there."""
    paragraphs = [f"<p>{paragraph}</p>" for paragraph in text_of(name).strip().split("\n\n")]
    html = (FOLDER / f"{layout}.html").read_text().replace("TITLE", title)
    for slot, part in (("BODY-1", paragraphs[:2]), ("BODY-2", paragraphs[2:4]), ("BODY-3", paragraphs[4:])):
        html = html.replace(slot, "\n".join(part))
    return html.encode()
