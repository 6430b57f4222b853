"""English texts to speak besides the keyword: words, sentences, and pseudo-words that are spelled like the keyword."""

import re

import numpy as np

NOUNS = """apple bottle camera candle carpet castle chicken children circle city clock coffee computer corner cotton
country daughter dinner doctor door engine evening family farmer father feather finger flower forest friend garden
glass guitar hammer harbour history horse hospital house island jacket kettle kitchen ladder lamp letter library
machine market meadow minute mirror money morning mother mountain museum music needle neighbour newspaper number
orange paper parrot pencil people picture pillow planet pocket potato problem question rabbit radio river school
season secret shadow shoulder silver sister station story street student summer table teacher telephone ticket
tomato tower train travel umbrella uncle valley village violin water weather wedding window winter woman yellow""".split()
VERBS = """asked brought built called carried changed cleaned closed cooked counted covered crossed dropped entered
followed found forgot gathered heard helped kept lifted liked moved needed noticed opened painted passed planted
played pulled pushed reached remembered repaired returned saw showed sold studied took turned visited wanted washed
watched wrote""".split()
ADJECTIVES = """ancient angry bitter bright broken busy careful clever cold curious dark deep early empty famous
friendly gentle golden happy heavy hidden honest hungry large late lazy little lonely loud modern narrow nervous
noisy old perfect pleasant polite quiet rapid rough sharp silent simple slow small smooth strange strong sudden
sweet tall tired tiny warm wide wild wooden young""".split()
REQUESTS = """turn on the light|what time is it|play the next song|set a timer for ten minutes|stop the music
how is the weather today|call my sister|turn the volume down|open the window|remind me tomorrow at seven
read the news|add milk to the list|is it going to rain|switch off the heating|tell me a joke|where is my phone
how far is the moon|start the dishwasher|good night everybody|wake me up at six|lock the front door
thank you very much|never mind|yes please|no not that one|one moment please|could you say that again""".replace(
    "\n", "|"
).split("|")

_VOWELS = ("a", "e", "i", "o", "u", "oo", "ee", "ay")
_DIGITS = tuple("0123456789")
_CONSONANTS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "sh", "th")


def sentence(rng: np.random.Generator) -> str:
    """A spoken request, or a sentence of random words."""
    if rng.random() < 0.3:
        return str(rng.choice(REQUESTS))
    subject, verb, target = rng.choice(NOUNS), rng.choice(VERBS), rng.choice(NOUNS)
    shapes = (
        f"the {rng.choice(ADJECTIVES)} {subject} {verb} the {target}",
        f"my {subject} {verb} a {rng.choice(ADJECTIVES)} {target} near the {rng.choice(NOUNS)}",
        f"we {verb} the {target} before the {subject} was {rng.choice(ADJECTIVES)}",
        f"{subject} and {target} and a {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}",
    )
    return str(rng.choice(shapes))


def sound_alikes(keyword: str) -> list[str]:
    """Pseudo-words near the keyword: parts of it, and it with one vowel, consonant group or digit replaced. In fixed order."""
    groups = re.findall(r"[aeiouy]+|\d|[^aeiouy\d\s]+|\s+", keyword.lower())
    spoken = [i for i, group in enumerate(groups) if group.strip()]
    texts = ["".join(groups[:cut]) for cut in range(2, len(groups))]
    texts += ["".join(groups[cut:]) for cut in range(1, len(groups) - 1)]
    for i in spoken:
        replacements = _VOWELS if groups[i][0] in "aeiouy" else _DIGITS if groups[i].isdecimal() else _CONSONANTS
        texts += ["".join([*groups[:i], other, *groups[i + 1 :]]) for other in replacements if other != groups[i]]
    words = (text.strip() for text in texts)
    return [text for text in dict.fromkeys(words) if len(text) > 1 and text != keyword.lower()]
