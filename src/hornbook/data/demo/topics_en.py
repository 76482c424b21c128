"""What the demo's English texts talk about; as `demo_topics`, shorter."""

from __future__ import annotations

from hornbook.data.demo.topics_zh import Event, Language, Topic

_TOWNS = ("Ashford", "Brookside", "Clearwater", "Dunmore", "Eastvale", "Fairhaven")

_WEATHER = Topic(
    _TOWNS,
    (
        Event(
            (
                "heavy rain is expected in {e} tonight",
                "a downpour will hit {e} this evening",
                "{e} braces for torrential rain",
            )
        ),
        Event(
            (
                "temperatures in {e} reach {n} degrees",
                "{e} swelters at {n} degrees",
                "it is {n} degrees in {e}, a new record",
            ),
            ("thirty", "thirty five", "forty"),
        ),
    ),
    ("The forecast may still change.", "People are told to stay indoors.", "Parks closed early."),
)
_FOOTBALL = Topic(
    ("the Tigers", "the Hawks", "the Sharks", "the Wolves", "the Bulls", "the Lions"),
    (
        Event(
            (
                "{e} win {n} at home",
                "a {n} victory for {e}",
                "{e} beat their rivals {n}",
            ),
            ("one nil", "two one", "three nil"),
        ),
        Event(
            (
                "{e} sack their coach",
                "the manager of {e} is dismissed",
                "{e} part ways with their head coach",
            )
        ),
    ),
    ("The league table looks different now.", "The next match is away.", "The fans were loud."),
)
_PHONES = Topic(
    ("the Nova phone", "the Pebble phone", "the Comet phone", "the Maple phone", "the Orca phone"),
    (
        Event(
            (
                "{e} is now {n} dollars cheaper",
                "save {n} dollars on {e}",
                "the price of {e} drops by {n} dollars",
            ),
            ("fifty", "ninety", "two hundred"),
        ),
        Event(
            (
                "{e} loses power quickly after the update",
                "owners say {e} has poor battery life now",
                "the new software drains {e}",
            )
        ),
    ),
    ("The camera is unchanged.", "Shops have it on display.", "The screen gets good reviews."),
)
_HOUSING = Topic(
    _TOWNS,
    (
        Event(
            (
                "house prices in {e} rise {n} percent",
                "homes in {e} cost {n} percent more",
                "{e} sees property go up by {n} percent",
            ),
            ("two", "five", "eight"),
        ),
        Event(
            (
                "a building site in {e} has stopped work",
                "buyers in {e} wait for unfinished flats",
                "construction of homes halts in {e}",
            )
        ),
    ),
    ("Agents report more viewings.", "Mortgage rates are the same.", "Rents did not move."),
)
_FILMS = Topic(
    ("Night Flight", "Letters Home", "Deep Light", "The Old Street", "Sand City"),
    (
        Event(
            (
                "{e} earns {n} million",
                "{e} takes {n} million at the box office",
                "tickets for {e} bring in {n} million",
            ),
            ("three", "ten", "twenty"),
        ),
        Event(
            (
                "{e} is postponed",
                "the release of {e} is delayed",
                "no new date yet for {e}",
            )
        ),
    ),
    ("The music was praised.", "The director thanked the crew.", "Cinemas added late shows."),
)
_FOOD = Topic(
    ("dumplings", "fish soup", "beef noodles", "tofu stew", "honey cake"),
    (
        Event(
            (
                "how do you cook {e} at home",
                "looking for a simple recipe for {e}",
                "any tips on making {e}",
            )
        ),
        Event(
            (
                "guests fall ill after eating {e}",
                "bad {e} made diners sick",
                "a restaurant apologises for spoiled {e}",
            )
        ),
    ),
    ("Fresh ingredients matter.", "The owner shops every morning.", "Add chili if you like."),
)

ENGLISH = Language(
    criteria=(
        "short-short-A",
        "short-short-B",
        "short-long-A",
        "short-long-B",
        "long-long-A",
        "long-long-B",
    ),
    topics=(_WEATHER, _FOOTBALL, _PHONES, _HOUSING, _FILMS, _FOOD),
    openings=(
        "Breaking: ",
        "Just in: ",
        "On the radio: ",
        "A reader writes: ",
        "Seen in the Ashford Post: ",
        "From the Dunmore forum: ",
    ),
    closings=(".", "!", ", what do you think?", ", is it true?"),
    asides=(
        "Earlier there was similar talk about {o}.",
        "Some compare it with {o}.",
        "The message was shared many times.",
        "Nobody was available for comment.",
        "Opinions in the comments differ.",
    ),
    space=" ",
)
