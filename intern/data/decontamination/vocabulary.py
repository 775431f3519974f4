"""The words of the held-out items, as numbers: what a row's text is reduced to before it is compared.

A text is read as it looks (see likeness), without case and marks. A word is known by its stem, or with a letter wrong;
a number is known by its value, also in words (`forty-eight`, `two hundred`). What no item has is UNKNOWN or OTHER.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

from intern.data.likeness import unmasked

UNKNOWN, OTHER = 0, 1  # a word, and a number, that no item has
FIRST = 2  # what items have is numbered from here
NUMBER = r"\d+(?:[.,:/]\d+)*"
LETTER = r"(?:[^\W\d_]|[\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0980-\u0dff])"  # vowel signs are no \w
TOKEN = re.compile(rf"{NUMBER}|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|{LETTER}+(?:'{LETTER}+)?")
PLAIN = re.compile(rf"[A-Za-z]+(?:'[A-Za-z]+)?|{NUMBER}")  # the same for ASCII, in a third of the time
OPTION = re.compile(r"\n(?:\s*\(?[A-J][).:](?=\s))?|\s\(?[A-J][).](?=\s)")  # where a line or an option begins
MARKS = re.compile(r"[\W_]+")
NUMBERS = re.compile(NUMBER)
FORMULA = re.compile(r"[+*=<>^×÷−]|-\s*\d|\d\s*[/%]\s*\d")
SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
VALUES = {word: value for value, word in enumerate(SMALL.split())}
VALUES |= {word: 10 * tens for tens, word in enumerate(TENS.split(), 2)}
SIZES = {"hundred": 100, "thousand": 1000, "million": 10**6}
WORDS = frozenset([*VALUES, *SIZES])
SPELLED = -1  # stands for a word of VALUES or SIZES until the number is read
RUN = re.compile(
    rf"\b(?:\d[\d,]*(?:\.\d+)?[ -]+(?:{'|'.join(SIZES)})|(?:{'|'.join(VALUES)})"
    rf"(?:[ -]+(?:and +)?(?:{'|'.join([*VALUES, *SIZES])}))*)\b",
    re.IGNORECASE,
)
ENDINGS = ("ing", "ed", "es", "s", "ly")
LEAST = 4  # letters of a word that may have a letter wrong
CACHED = 200_000  # words of rows whose number is remembered


class Vocabulary:
    """The words and numbers of some texts.

    A word that has a capital letter wherever it stands is a name, but for those of texts that are too short to be told
    by anything else."""

    def __init__(self, texts: Iterable[str], short: Iterable[str] = ()) -> None:
        capital: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for token in (token for text in texts for token in tokens(in_digits(text))):
            form = form_of(token)
            seen[form] += 1
            capital[form] += token[0].isupper()
        self.forms = {form: FIRST + i for i, form in enumerate(seen)}
        self.numbers = frozenset(self.forms[form] for form in seen if form[0].isdigit())
        needed = {form_of(token) for text in short for token in tokens(in_digits(text))}
        named = [form for form in seen if capital[form] == seen[form] and form not in needed]
        lower = 2 * sum(capital.values()) < sum(seen.values())  # or else a capital letter tells nothing
        self.names = frozenset(self.forms[form] for form in named) if lower else frozenset()
        self.near = {less: self.forms[form] for form in seen if self.may_be_wrong(form) for less in shorter(form)}
        self.id = lru_cache(CACHED)(self.number_of)

    def __len__(self) -> int:
        return FIRST + len(self.forms)

    def may_be_wrong(self, form: str) -> bool:
        """Return whether a word with one letter wrong counts as this one: a long word that is no name."""
        return len(form) >= LEAST and not form[0].isdigit() and self.forms.get(form, OTHER) not in self.names

    def ids(self, text: str) -> list[int]:
        """Return the number of each word of a text."""
        seen = list(map(self.id, tokens(text)))
        if SPELLED in seen:
            seen = [max(self.id(token), UNKNOWN) for token in tokens(in_digits(text))]
        return seen

    def number_of(self, token: str) -> int:
        """Return the number of a word: of itself, or of a word of the items that differs by one letter."""
        if token.casefold() in WORDS:
            return SPELLED
        form = form_of(token)
        if form in self.forms:
            return self.forms[form]
        if form[0].isdigit():
            return OTHER
        if len(form) < LEAST:
            return UNKNOWN
        if form in self.near:
            return self.near[form]
        for less in shorter(form):
            number = self.forms.get(less, self.near.get(less))
            if number is not None and number not in self.names and number not in self.numbers:
                return number
        return UNKNOWN


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text as it looks."""
    return PLAIN.findall(text) if text.isascii() else TOKEN.findall(unmasked(text))


def in_digits(text: str) -> str:
    """Return a text with its numbers in digits."""
    return RUN.sub(lambda match: value_of(match[0]), unmasked(text))


def value_of(words: str) -> str:
    """Return numbers in words as digits: `two hundred and forty-eight` as 248, `two three` as 2 3."""
    values: list[float] = []
    total, opened = 0.0, False  # 5,048 is a total of 5,000, which is opened for more, and a part of 48
    part: float | None = None
    for word in re.split(r"[ -]+", words.casefold()):
        value = VALUES[word] if word in VALUES else None if word in SIZES or word == "and" else float(digits(word))
        if word == "hundred":
            part = 100 * (part or 1)
        elif word in SIZES:
            total, part, opened = total + SIZES[word] * (part or 1), None, True
        elif value is not None and (part is None and opened or part and fits(part, value)):
            part = (part or 0) + value
        elif value is not None:
            values += [total + (part or 0)] if opened or part is not None else []
            total, part, opened = 0.0, value, False
    return " ".join(f"{value:.15g}" for value in [*values, total + (part or 0)])


def fits(part: float, value: float) -> bool:
    """Return whether a number goes on with a smaller one: a hundred with forty-eight, forty with eight."""
    return part % 100 == 0 and value < 100 or part % 10 == 0 and part % 100 >= 20 and 0 < value < 10


def digits(token: str) -> str:
    """Return a number in its one form: 1,250.50 as 1250.5; a fraction, a ratio or a time of day as it is."""
    plain = token.replace(",", "")
    if plain.count(".") == 1 and plain.replace(".", "").isdecimal():
        plain = plain.rstrip("0").rstrip(".")
    return plain.lstrip("0") or "0"


def form_of(token: str) -> str:
    """Return what forms of one word have in common: its stem, by the endings of English."""
    if token[0].isdigit():
        return digits(token)
    form = token.casefold()
    form = form.removesuffix("'s")
    if len(form) == 4:
        return form.removesuffix("s")
    if len(form) < 4:
        return form
    for ending in ENDINGS:
        if form.endswith(ending) and len(form) - len(ending) >= 3:
            form = form[: -len(ending)]
            break
    if len(form) > 3 and form[-1] == form[-2]:
        form = form[:-1]
    if form.endswith("i"):
        form = form[:-1] + "y"
    return form[:-1] if len(form) > 3 and form.endswith("e") else form


def shorter(form: str) -> Iterator[str]:
    """Yield a word without each of its letters: two words that share one of these differ by a letter or two beside."""
    yield from (form[:i] + form[i + 1 :] for i in range(len(form)))


def wholes(text: str) -> Iterator[str]:
    """Yield what a whole question has in common with copies of it in other case, marks and spaces, and with its lines
    or options in another order; nothing of a formula, whose marks make it what it is."""
    if FORMULA.search(text):
        return
    yield squeezed(text)
    parts = OPTION.split(text)
    if len(parts) > 1:
        yield "\n".join(sorted(map(squeezed, parts))).strip()


def squeezed(text: str) -> str:
    """Return the letters and digits of a text without case, and once more its numbers, which are then apart."""
    text = unmasked(text).casefold()
    if text.isascii():
        whole = MARKS.sub("", text)
    else:
        whole = "".join(char for char in text if char.isalnum() or unicodedata.category(char)[0] == "M")
    return f"{whole} {' '.join(NUMBERS.findall(text))}".strip()
