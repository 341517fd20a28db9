"""One invented event as forty outlets tell it: most in words of their own, some with an agency's text."""

from datetime import timedelta

WIRE = (
    "Ammonia tank explodes at Belmore fertiliser plant, four workers killed",
    "PORT CALDER (Northern Press Agency) - An ammonia tank exploded at the Belmore fertiliser plant in Port "
    "Calder on Monday morning, killing four workers, the fire service said. Residents were told to keep "
    "their windows shut.",
)
"""The agency's text, as six outlets print it."""

OWN = (
    (
        "Four dead after explosion at fertiliser plant in Port Calder",
        "The blast at the Belmore works tore open an ammonia tank shortly after the morning shift had begun.",
    ),
    (
        "Ammonia cloud drifts over Port Calder after blast at Belmore",
        "Schools keep children indoors; firefighters spray water curtains around the fertiliser plant.",
    ),
    (
        "Belmore plant explosion: what we know so far",
        "An ammonia tank at the fertiliser plant in Port Calder exploded. Four workers are dead.",
    ),
    (
        "'The whole street shook': residents tell of blast at Port Calder fertiliser plant",
        "Windows broke up to a kilometre from the Belmore works when the ammonia tank went up.",
    ),
    (
        "Workers killed as ammonia tank bursts at Port Calder plant",
        "Belmore, which makes fertiliser, says that production has been stopped after the explosion.",
    ),
    (
        "Port Calder: thousands told to stay indoors after ammonia explosion",
        "The order holds for everybody within two miles of the Belmore fertiliser plant.",
    ),
    (
        "Rescuers search ruins of Belmore fertiliser plant",
        "Several workers are missed after the explosion of an ammonia tank in Port Calder.",
    ),
    (
        "Deadly ammonia blast in Port Calder: Belmore stops production",
        "The owner of the fertiliser plant promises to help investigators find the cause of the explosion.",
    ),
    (
        "Explosion at Port Calder fertiliser works leaves four dead and dozens treated for ammonia",
        "The hospital has opened a second ward for those who breathed the gas from the Belmore plant.",
    ),
    (
        "Fertiliser plant blast in Port Calder: ammonia level falls, says fire chief",
        "Fire crews have closed the last valve at the Belmore works, where a tank exploded this morning.",
    ),
    (
        "Belmore blast: unions had warned of rust on ammonia tanks",
        "Two letters to the management of the Port Calder fertiliser plant named the tank that exploded.",
    ),
    (
        "Port Calder blast: harbour closed to ships while ammonia disperses",
        "The pilots' office says that nobody sails past the Belmore fertiliser plant until evening.",
    ),
    (
        "Firefighters hurt in second explosion at Belmore fertiliser plant",
        "A pipe of the burning ammonia tank in Port Calder burst as crews were cooling it.",
    ),
    (
        "Death toll of Port Calder plant explosion rises to 14",
        "Rescuers found ten more bodies in the control room of the Belmore fertiliser plant.",
    ),
    (
        "14 workers dead in Belmore ammonia disaster",
        "The control room of the Port Calder fertiliser plant was shut from outside when the tank exploded.",
    ),
    (
        "Fourteen killed at Port Calder: bodies found in Belmore control room",
        "The explosion of the ammonia tank is the worst accident in the fertiliser plant's history.",
    ),
    (
        "Premier flies to Port Calder after plant explosion that killed 14",
        "She will meet families of the Belmore workers and thank those who fought the ammonia fire.",
    ),
    (
        "Port Calder mourns workers killed in fertiliser plant explosion",
        "Candles stand before the gate of the Belmore works, where an ammonia tank exploded on Monday.",
    ),
    (
        "How an ammonia tank can explode: the Port Calder disaster explained",
        "At the Belmore fertiliser plant a valve seems to have stuck after it was serviced.",
    ),
    (
        "Belmore: prosecutor opens case over deadly ammonia explosion",
        "Police take files and computers from the offices of the fertiliser plant in Port Calder.",
    ),
    (
        "Belmore shares fall by a fifth after explosion at Port Calder plant",
        "Analysts expect that the fertiliser plant, where an ammonia tank blew up, stays shut for a year.",
    ),
    (
        "Port Calder: all-clear after ammonia explosion, people may open windows",
        "The fire service measures no more gas around the Belmore fertiliser plant.",
    ),
    (
        "Fertiliser plant in Port Calder had been fined over ammonia tanks",
        "Inspectors found cracks at Belmore two years before the explosion that killed workers on Monday.",
    ),
    (
        "Family of Belmore worker: 'He had called the ammonia tank a bomb'",
        "The 41-year-old was among those killed in the explosion at the Port Calder fertiliser plant.",
    ),
    (
        "Blast at Belmore: ammonia plant's neighbours sleep in sports hall",
        "Some 300 people from streets by the Port Calder fertiliser plant cannot go home.",
    ),
    (
        "Explosion in Port Calder kills workers at fertiliser maker Belmore",
        "The ammonia tank stood beside the canteen, according to the works council.",
    ),
    (
        "Ammonia explosion: Port Calder hospital calls for blood donors",
        "Doctors treat burns and lungs of workers from the Belmore fertiliser plant through the night.",
    ),
    (
        "Port Calder plant explosion: minister wants ammonia tanks checked everywhere",
        "Fertiliser plants like Belmore's have until Friday to report on their tanks and valves.",
    ),
    (
        "Last missing worker of Belmore plant found alive after ammonia blast",
        "He had sat in a flooded cellar of the Port Calder fertiliser plant for seven hours.",
    ),
    (
        "Fire at Port Calder fertiliser plant is out",
        "The ammonia tank at Belmore that exploded in the morning has burnt empty, says the fire service.",
    ),
    (
        "Company engineer questioned over explosion at Belmore fertiliser plant",
        "He had signed off the ammonia tank in Port Calder the day before it killed his colleagues.",
    ),
    (
        "Belmore explosion hits farmers: fertiliser gets scarce",
        "The Port Calder plant, where the ammonia tank exploded, made a tenth of what the country spreads.",
    ),
    (
        "Photos: the ruins of Port Calder's fertiliser plant after the ammonia explosion",
        "Pictures from the air show how far parts of the Belmore tank flew.",
    ),
    (
        "Port Calder, the morning after: questions to Belmore about ammonia explosion",
        "Why did the siren of the fertiliser plant stay silent, and why was the control room locked?",
    ),
)
assert len(OWN) == 34

TOLD = [WIRE, *OWN[:5], WIRE, WIRE, *OWN[5:12], WIRE, WIRE, *OWN[12:24], WIRE, *OWN[24:]]
"""What each of the forty outlets prints, in this order."""
BETWEEN = timedelta(minutes=6)
"""Between two of them, so that all is told within four hours."""

TOPIC = """\
watchlist: Industry desk
topics:
  - id: plant-accidents
    name: Accidents in plants
    about:
      - Explosion at a chemical plant kills workers
      - Ammonia leak at a factory, residents told to stay indoors
      - Fire at a refinery or fertiliser plant
      - Death toll of a plant explosion rises
      - Investigation after a fatal accident at a factory
      - Unions warned of unsafe tanks before the explosion
    sensitivity: broad
    channel: "#desk"
"""
