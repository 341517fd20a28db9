"""Three hundred invented events, twenty of each of fifteen topics, for one channel."""

PLACES = (
    *("Ardvik", "Bastogar", "Cuesta Mora", "Dunholt", "Eskifell", "Falmora", "Gandrup", "Hoshiura"),
    *("Ibadeku", "Jelovac", "Kirkhaven", "Lusamba", "Montrey", "Nakhodva", "Orlaceni", "Pukehina"),
    *("Quillota", "Rosmeer", "Szentvar", "Tamsalu", "Umbarra", "Velbrück", "Wexcombe"),
)
"""Coprime to the number of things, so that things and places do not come in pairs."""

THINGS = (
    *("opera house", "paper mill", "cattle market", "school bus", "radio tower", "cable car", "fish factory"),
    *(
        "university library",
        "prison wing",
        "bakery",
        "horse stable",
        "tyre warehouse",
        "lighthouse",
        "brewery",
    ),
    *("greenhouse", "synagogue", "bowling alley", "sawmill", "toy museum", "nursing home"),
)

HAPPENINGS = {
    "Fires": "{} destroyed by fire in {}",
    "Floods": "{} under water after river floods {}",
    "Robberies": "Armed robbers raid {} in {}",
    "Strikes": "Strike over wages shuts {} in {}",
    "Poison clouds": "Chlorine cloud drives people out of {} in {}",
    "Bomb threats": "Bomb threat against {} in {}",
    "Asbestos": "Asbestos found in {} of {}",
    "Storms": "Storm tears roof off {} in {}",
    "Bankruptcies": "Bankruptcy of {} in {} leaves creditors unpaid",
    "Hostages": "Gunman holds hostages in {} in {}",
    "Power cuts": "Power cut of nine hours hits {} in {}",
    "Data leaks": "Hackers leak personal data of {} in {}",
    "Legionella": "Legionella in the pipes of {} in {}",
    "Squatters": "Squatters cleared from {} in {} by police",
    "Sabotage": "Sabotage suspected at {} in {}",
}


def world_desk(*names: str) -> str:
    """Return a watchlist of these topics."""
    return "watchlist: World desk\ntopics:\n" + "".join(
        f"  - id: {name.lower().replace(' ', '-')}\n    name: {name}\n    channel: '#desk'\n"
        f"    about: ['{HAPPENINGS[name].format('a building', 'a town')}']\n"
        for name in names
    )


TOPICS = world_desk(*HAPPENINGS)


def three_hundred() -> list[str]:
    """Return their headlines."""
    return [
        happening.format(thing, PLACES[(number * len(THINGS) + other) % len(PLACES)])
        for other, thing in enumerate(THINGS)
        for number, happening in enumerate(HAPPENINGS.values())
    ]
