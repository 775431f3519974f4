"""Disguises of a test item: what a copy of it may look like in somebody's training data. Each is (item, rng) → text.

An item is a row with question and answer. LISTED are the disguises that decontamination was made for, OTHERS were
written to see how it generalises. No word of the tables below is known to the methods; the threshold was chosen with
both lists in view, on other items than those that scripts/bench_decontamination.py measures on.
"""

import random
import re
from collections.abc import Callable
from typing import Any

Item = dict[str, Any]
Disguise = Callable[[Item, random.Random], str]
words = str.split
PEOPLE = words("""
    Priya Omar Ingrid Kenji Rosa Tadeo Wen Zainab Lars Chidi Yusuf Petra Anouk Bjorn Farah Mateo
    """)
NOT_PEOPLE = frozenset(words("""
    A An The If In On At How What When Where Which Who Why Each Every He She They It His Her Their There This
    That For From To After Before Then Today Yesterday Tomorrow Monday Tuesday Wednesday Thursday Friday
    Saturday Sunday January February March April May June July August September October November December
    Calculate Find Assume Suppose Given During While As By With One Two Three Four Five Six Seven Eight Nine Ten
    Half All Some Both Next Last First Second And But So Or Of I You We Mr Mrs Ms Dr Let Its Once Since Only
    Also Not No Now Because Although
    """))
PHRASES = (
    ("how many more", "what greater number of"), ("how many", "what number of"), ("how much", "what amount of"),
    ("altogether", "in total"), ("in total", "overall"), ("each", "every"), ("bought", "purchased"),
    ("buys", "purchases"), ("buy", "purchase"), ("gave", "handed"), ("gives", "hands"),
    ("wants to", "would like to"), ("twice as many", "double"), ("half as many", "half the number of"),
    ("has", "possesses"), ("costs", "is priced at"), ("also", "in addition"), ("makes", "produces"),
    ("gets", "receives"), ("needs", "requires"), ("spends", "uses up"), ("and then", "and afterwards"),
    ("every day", "daily"), ("per day", "a day"), ("if", "assuming that"), ("left", "remaining"),
    ("than", "compared with"),
)  # fmt: skip
SYNONYMS = (
    ("start", "begin"), ("big", "large"), ("small", "little"), ("money", "cash"), ("kids", "youngsters"),
    ("children", "kids"), ("house", "home"), ("friends", "pals"), ("friend", "pal"), ("store", "shop"),
    ("shop", "store"), ("sold", "vended"), ("sells", "vends"), ("sell", "vend"), ("earns", "makes"),
    ("total", "sum"), ("cookies", "biscuits"), ("candy", "sweets"), ("pants", "trousers"), ("car", "automobile"),
    ("trip", "journey"), ("walks", "strolls"), ("job", "work"), ("school", "academy"), ("students", "pupils"),
    ("teacher", "instructor"), ("picked", "gathered"), ("went", "travelled"), ("go", "travel"),
    ("goes", "travels"), ("took", "grabbed"), ("ate", "consumed"), ("eat", "consume"), ("eats", "consumes"),
    ("made", "produced"), ("make", "produce"), ("number", "count"), ("price", "cost"), ("cost", "price"),
    ("cheap", "inexpensive"), ("fast", "quick"), ("long", "lengthy"), ("brother", "sibling"),
    ("sister", "sibling"), ("mother", "mum"), ("father", "dad"), ("week", "seven days"), ("year", "twelve months"),
    ("dog", "hound"), ("pays", "spends"), ("paid", "spent"), ("save", "put aside"), ("found", "discovered"),
    ("finds", "discovers"), ("people", "persons"), ("team", "squad"), ("box", "carton"), ("boxes", "cartons"),
    ("bag", "sack"), ("bags", "sacks"), ("remaining", "leftover"), ("another", "one more"), ("day", "date"),
    ("old", "aged"), ("read", "perused"), ("reads", "peruses"), ("book", "volume"), ("books", "volumes"),
)  # fmt: skip
UNITS = {
    "miles": ("kilometers", 1.6), "mile": ("kilometer", 1.6), "pounds": ("kilograms", 0.45),
    "pound": ("kilogram", 0.45), "feet": ("meters", 0.3), "foot": ("meter", 0.3), "inches": ("centimeters", 2.5),
    "inch": ("centimeter", 2.5), "gallons": ("liters", 3.8), "gallon": ("liter", 3.8), "ounces": ("grams", 28),
    "ounce": ("gram", 28), "yards": ("meters", 0.9), "hours": ("minutes", 60), "weeks": ("days", 7),
    "dollars": ("euros", 0.9), "cents": ("pence", 0.8),
}  # fmt: skip
LOOKALIKES = str.maketrans("aceopxABEHKMOPTX", "асеорхАВЕНКМОРТХ")
ONES = words("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """)
TENS = words("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
AROUND = (
    "Here is a question that one of our readers sent in last week, and which we found to be quite instructive for "
    "younger pupils. Please have a look at it before you read on, for it is not as hard as it seems.",
    "We leave the working to the reader; a solution can be found in the appendix, together with several remarks on how "
    "such puzzles are best presented in a classroom and on what mistakes are common.",
)
NOISE = (
    "The weather was pleasant that afternoon.", "A neighbor had painted the old fence green.",
    "Nobody remembers who took the picture on the wall.", "The clock in the hall had stopped again.",
)  # fmt: skip


def sentences(text: str) -> list[str]:
    """Return a text's sentences."""
    return re.split(r"(?<=[.?!])\s+", text.strip())


def people(text: str) -> list[str]:
    """Return the words of a text that look like names."""
    seen = re.findall(r"\b[A-Z][a-z]+\b", text)
    return [name for name in dict.fromkeys(seen) if name not in NOT_PEOPLE and f" {name.lower()} " not in text]


def replaced(text: str, table: tuple[tuple[str, str], ...]) -> str:
    """Return a text with phrases replaced, none of them twice."""
    by = dict(reversed(table))
    pattern = "|".join(sorted(map(re.escape, by), key=len, reverse=True))

    def one(match: re.Match[str]) -> str:
        new = by[match[0].lower()]
        return new.capitalize() if match[0][0].isupper() else new

    return re.sub(rf"\b(?:{pattern})\b", one, text, flags=re.IGNORECASE)


def recased(item: Item, rng: random.Random) -> str:
    """Upper, lower, title or swapped case."""
    return str(rng.choice([str.upper, str.lower, str.title, str.swapcase])(item["question"]))


def repunctuated(item: Item, rng: random.Random) -> str:
    """Other marks, none, or more of them; other spaces."""
    text = item["question"]
    kind = rng.randrange(4)
    if kind == 0:
        return re.sub(r"[.,;:!?](?=\s|$)", "", text)
    if kind == 1:
        return re.sub(r"[.,;:!?](?=\s|$)", lambda m: f" {m[0]} ", text).replace(" ", "  ")
    if kind == 2:
        return re.sub(r"(?<=\w) (?=and|but|then|which)", ", ", text).replace(". ", "! ").replace("?", " ?!")
    return "\n".join(sentences(text)).replace("'", "’").replace("-", "–").replace(",", ";")


def numbers(item: Item, rng: random.Random) -> str:
    """Other numbers, as many digits."""
    def other(match: re.Match[str]) -> str:
        low = 10 ** (len(match[0]) - 1)
        return str(rng.randrange(low, 10 * low))

    return re.sub(r"\d+", other, item["question"])


def renamed(item: Item, rng: random.Random) -> str:
    """Other people."""
    text = item["question"]
    for name, new in zip(people(text), rng.sample(PEOPLE, len(PEOPLE)), strict=False):
        text = re.sub(rf"\b{name}\b", new, text)
    return str(text)


def reordered(item: Item, rng: random.Random) -> str:
    """The sentences in another order."""
    parts = sentences(item["question"])
    rng.shuffle(parts)
    return " ".join(parts)


def paraphrased(item: Item, rng: random.Random) -> str:
    """Other words for the usual phrases."""
    return replaced(item["question"], PHRASES)


def with_options(item: Item, rng: random.Random) -> str:
    """As multiple choice, the options in any order."""
    answer = item["answer"].rsplit("####")[-1].strip()
    options = [answer, *(str(rng.randrange(2, 500)) for _ in range(3))]
    rng.shuffle(options)
    return item["question"] + "\n" + "\n".join(f"({letter}) {o}" for letter, o in zip("ABCD", options, strict=True))


def inside(item: Item, rng: random.Random) -> str:
    """In the middle of another text."""
    return f"{AROUND[0]} {item['question']} {AROUND[1]}"


def units(item: Item, rng: random.Random) -> str:
    """Units of another system, their numbers converted; dollars as euros."""
    def other(match: re.Match[str]) -> str:
        new, factor = UNITS[match[2].lower()]
        return f"{float(match[1].replace(',', '')) * factor:g} {new}"

    text = re.sub(rf"(\d[\d,]*(?:\.\d+)?)[ -]({'|'.join(UNITS)})\b", other, item["question"], flags=re.IGNORECASE)
    text = re.sub(r"\$(\d[\d,]*(?:\.\d+)?)", lambda m: f"€{float(m[1].replace(',', '')) * 0.9:g}", text)
    return re.sub(rf"\b({'|'.join(UNITS)})\b", lambda m: UNITS[m[1]][0], text)


def spelled(number: int) -> str:
    """Return a number below a million in words."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {spelled(number % size)}" if number % size else ""
            return f"{spelled(number // size)} {name}{rest}"
    raise ValueError(number)


def in_words(item: Item, rng: random.Random) -> str:
    """Whole numbers as words."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", item["question"])
    return re.sub(r"(?<![\d.])\d{1,6}(?![\d.]\d|\d)", lambda m: spelled(int(m[0])), text)


def clauses(item: Item, rng: random.Random) -> str:
    """The clauses around a comma, or around "and", swapped."""
    out = []
    for part in sentences(item["question"]):
        body, end = part[:-1], part[-1:]
        for mark in (", ", " and ", " if ", " when "):
            if mark in body:
                left, right = body.split(mark, 1)
                out.append(f"{right}{mark}{left}{end}")
                break
        else:
            out.append(part)
    return " ".join(out)


def passive(item: Item, rng: random.Random) -> str:
    """`She bought 5 apples` as `5 apples were bought by her`."""
    verbs = "bought|sold|ate|made|found|gave|paid|took|used|picked|earned|spent|baked|planted|received|has|had"
    pattern = rf"\b([A-Z]\w+) ({verbs}) ((?:\w|[$%'])[\w$%' ]*)"
    return re.sub(pattern, lambda m: f"{m[3]} were {m[2]} by {m[1]}", item["question"])


def typos(item: Item, rng: random.Random) -> str:
    """A letter doubled, dropped, swapped or replaced in one of five words."""
    def wrong(word: str) -> str:
        if len(word) < 4 or not word.isalpha() or rng.random() > 0.2:
            return word
        at, kind = rng.randrange(1, len(word) - 1), rng.randrange(4)
        new = [word[at] * 2, "", word[at + 1] + word[at], rng.choice("aeinrst")][kind]
        return word[:at] + new + word[at + (2 if kind == 2 else 1) :]

    return " ".join(map(wrong, item["question"].split(" ")))


def synonyms(item: Item, rng: random.Random) -> str:
    """Synonyms for common nouns and verbs."""
    return replaced(item["question"], SYNONYMS)


def question_first(item: Item, rng: random.Random) -> str:
    """The last sentence in front."""
    *others, last = sentences(item["question"])
    return " ".join([last, *others])


def currency(item: Item, rng: random.Random) -> str:
    """Rupees for dollars."""
    text = re.sub(r"\$ ?([\d,.]*\d)", r"\1 rupees", item["question"])
    return str(text.replace("dollar", "rupee").replace("cent", "paisa"))


def distracted(item: Item, rng: random.Random) -> str:
    """Sentences between that have nothing to do with it."""
    parts = sentences(item["question"])
    for text in rng.sample(NOISE, 2):
        parts.insert(rng.randrange(len(parts)), text)
    return " ".join(parts)


def first_half(item: Item, rng: random.Random) -> str:
    """The first half of its words, with a question of its own."""
    words = item["question"].split()
    return " ".join(words[: (len(words) + 1) // 2]) + " … What happens next?"


def second_half(item: Item, rng: random.Random) -> str:
    """The second half of its words."""
    words = item["question"].split()
    return " ".join(words[len(words) // 2 :])


def lookalikes(item: Item, rng: random.Random) -> str:
    """Cyrillic letters, and what cannot be seen between letters."""
    return str(item["question"].translate(LOOKALIKES).replace("t", "t\u200b").replace("r", "r\u00ad"))


def names_and_numbers(item: Item, rng: random.Random) -> str:
    """Other people and other numbers."""
    return renamed({**item, "question": numbers(item, rng)}, rng)


def reworded(item: Item, rng: random.Random) -> str:
    """Paraphrase, synonyms and other people."""
    text = replaced(renamed(item, rng), PHRASES)
    return replaced(text, SYNONYMS)


def everything(item: Item, rng: random.Random) -> str:
    """Paraphrased, renamed, other numbers, the question in front."""
    text = paraphrased({**item, "question": names_and_numbers(item, rng)}, rng)
    return question_first({**item, "question": text}, rng)


def dropped_words(item: Item, rng: random.Random) -> str:
    """One word in six left out."""
    return " ".join(word for word in item["question"].split() if rng.random() > 1 / 6)


def marked_up(item: Item, rng: random.Random) -> str:
    """As Markdown and LaTeX."""
    text = re.sub(r"\d+(?:\.\d+)?", lambda m: f"${m[0]}$", item["question"])
    return "**Problem.** " + re.sub(r"\b(\w{7,})\b", r"*\1*", text) + "\n\n> Give the result as \\boxed{}."


def spaced(item: Item, rng: random.Random) -> str:
    """No spaces after marks, underscores for spaces, or a line for each word."""
    return item["question"].replace(" ", rng.choice(["_", "\n", "\t", " / "]))


def first_person(item: Item, rng: random.Random) -> str:
    """Told by the first person that is named."""
    names = people(item["question"])
    text = re.sub(rf"\b{names[0]}'s\b", "my", item["question"]) if names else item["question"]
    text = re.sub(rf"\b{names[0]}\b", "I", text) if names else text
    return replaced(text, (("he", "I"), ("she", "I"), ("his", "my"), ("her", "my"), ("has", "have"), ("does", "do")))


def present(item: Item, rng: random.Random) -> str:
    """In another tense."""
    table = (
        ("was", "is"), ("were", "are"), ("had", "has"), ("bought", "buys"), ("sold", "sells"), ("gave", "gives"),
        ("has", "had"), ("is", "was"), ("are", "were"), ("buys", "bought"), ("gives", "gave"), ("makes", "made"),
        ("does", "did"), ("did", "does"), ("wants", "wanted"), ("needs", "needed"), ("earns", "earned"),
        ("eats", "ate"), ("can", "could"), ("will", "would"), ("goes", "went"), ("takes", "took"), ("sells", "sold"),
        ("pays", "paid"),
    )  # fmt: skip
    return replaced(item["question"], table)


def verbatim(item: Item, rng: random.Random) -> str:
    """As it is."""
    return str(item["question"])


LISTED: dict[str, Disguise] = {
    "verbatim": verbatim, "re-cased": recased, "re-punctuated": repunctuated, "other numbers": numbers,
    "renamed people": renamed, "sentences reordered": reordered, "paraphrased": paraphrased,
    "options shuffled": with_options, "inside a longer text": inside, "translated units": units,
}  # fmt: skip
OTHERS: dict[str, Disguise] = {
    "numbers as words": in_words, "clauses swapped": clauses, "passive voice": passive, "typos": typos,
    "synonyms": synonyms, "question first": question_first, "currency swapped": currency,
    "distracting sentences": distracted, "first half": first_half, "second half": second_half,
    "look-alike letters": lookalikes, "names and numbers": names_and_numbers, "reworded, renamed": reworded,
    "everything at once": everything, "words dropped": dropped_words, "marked up": marked_up, "spaced": spaced,
    "first person": first_person, "other tense": present,
}  # fmt: skip
VERBATIM_LIKE = ("verbatim", "re-cased", "re-punctuated")
