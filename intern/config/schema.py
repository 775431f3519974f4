"""The typed config: every key that exists, its type, its range, its default, and what a proposer may touch.

`recipe`, `proposer`, `compute` and `goal` also have the fields that their plug-ins' `Settings` add: a stage's under
`recipe.<name>`, a proposer's under `proposer`, a launcher's under `compute`, a generator's under `goal`.

    python -m intern goal=mixed model=tiny --cfg job
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from intern.config import contract
from intern.config.ranges import (
    ASKS,
    BELOW,
    PACKAGED,
    Columns,
    Count,
    Natural,
    Note,
    PathName,
    Section,
    Share,
    Text,
    Unit,
)
from intern.config.ranges import STRICT as STRICT
from intern.config.running import Budget as Budget  # they are the schema's for those who use it
from intern.config.running import Compute as Compute
from intern.config.running import Proposer as Proposer
from intern.config.shape import Shape
from intern.config.values import flat as flat  # they belong to the schema for those who use it
from intern.config.values import given as given
from intern.config.values import told

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE if (PACKAGE / "conf").is_dir() else PACKAGE.parent  # a wheel carries conf/ and recipes/ inside
MISSING: Any = "???"  # as Hydra writes it


def tunable(default: Any = None) -> Any:
    """Declare a field of a stage's settings that a recipe's contract may open to proposers and sweeps."""
    return field(default=default, metadata={"tunable": True})


@dataclass
class Task(Section):
    """One of lm-eval's own tasks, scored through its bundled YAML."""

    name: PathName = MISSING
    """Its name in lm-eval."""
    folder: Annotated[str, Field(pattern=BELOW, max_length=200)] = MISSING
    """Its folder under lm_eval/tasks, so that only this folder is indexed."""
    metric: Text = "acc"
    """The metric to report."""
    filter: Text = "none"
    """The filter of lm-eval whose answers count."""
    limit: Count | None = None
    """Items to score; None: all."""
    max_new_tokens: Count | None = None
    """Longest answer; None: the task's own."""


@dataclass
class Goal(Section):
    """What to improve, and the evaluator: nothing here can be named by a proposal."""

    name: PathName = MISSING
    """Its name; a part of the study's."""
    kinds: list[Text] = field(default_factory=list)
    """What sort of goal it is, such as mcq or math: recipes may suit a kind."""
    generator: Text | None = None
    """The plug-in under intern/generators that draws the items."""
    data_dir: Text | None = None
    """Or a folder with train.…, and perhaps test.… and dev.…, or one file: JSON lines or array, CSV, Parquet."""
    hub: Text | None = None
    """Or, if no folder is given, a Hub data set, OWNER/NAME, with the splits train and test."""
    hub_config: Text | None = None
    """Its configuration."""
    hub_revision: Text | None = None
    """Its commit; None: the newest."""
    columns: Columns = field(default_factory=lambda: {"question": "question", "answer": "answer"})
    """Our column to the files' own: a name, {regex: …} or {template: …}."""
    dev: list[Task] = field(default_factory=list)
    """Or lm-eval's own tasks to select on."""
    test: list[Task] = field(default_factory=list)
    """And to confirm on."""
    dev_items: Count = 400
    """Items drawn for dev."""
    test_items: Count = 500
    """Items drawn for test."""
    dev_share: Share = 0.1
    """Share of train that becomes dev if no file is for it."""
    test_share: Share = 0.1
    """Share of train that becomes test if no file is for it."""
    prompt: Annotated[str, Field(pattern=ASKS)] = "{question}"
    """The user's turn; {question} is where the question stands."""
    scorer: Text = "exact_answer"
    """The plug-in under intern/rewards that scores an answer; also the reward called "goal"."""
    scorer_settings: dict[str, Any] = field(default_factory=dict)
    """Its settings."""
    max_new_tokens: Count = 64
    """Longest answer."""
    few_shot: Annotated[int, Field(ge=0, le=1000)] = 0
    """Worked examples of the second baseline; 0: no second baseline."""
    target: Unit | None = None
    """Mean dev score at which the search ends; None: never."""
    deny: list[Text] = field(default_factory=list)
    """Data sets that must never be trained on, nor copies and derivatives of them that are known."""
    local_only: bool = told(False)
    """Whether no model behind a service may write or judge training rows; one on this machine may."""
    overlap_words: Annotated[int, Field(ge=1, le=1000)] = 13
    """A training row that shares so many consecutive words with an item, not all of them common, is dropped."""
    only_warn: list[Literal["whole", "ngram", "masked", "paraphrase"]] = field(default_factory=list)
    """Ways of being like an item for which a training row is not dropped, such as masked: with other numbers."""
    summary: Note = told("")
    """What it is, in a sentence: for those who choose."""
    tags: list[Text] = told([])
    """Words by which a request may mean it."""
    model: Text | None = told()
    """The model that a request takes if it names none; None: the default one."""

    @property
    def answer_length(self) -> int:
        """Tokens that the evaluator lets an answer have: the most of its dev tasks."""
        return max([self.max_new_tokens, *(task.max_new_tokens or 0 for task in self.dev)])


@dataclass
class Model(Section):
    """The base model, frozen by hash."""

    name: PathName = MISSING
    """Its name; a part of the study's."""
    path: Text = MISSING
    """A folder, or a Hub repository."""
    revision: Text | None = None
    """The repository's commit."""
    package: Annotated[str, Field(pattern=PACKAGED)] | None = None
    """A package of the Python registry that carries the weights as GGUF, NAME==VERSION, for where there is no Hub."""
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """Type of the saved and scored weights; training keeps float32 masters. None: as its config.json says."""
    eos_token: Text | None = None
    """The token that ends a turn in the model's chat template."""
    context: Count | None = None
    """Longest sequence in tokens. None: as its config.json says."""
    width: Annotated[int, Field(ge=1, le=10**6)] | None = None
    """Hidden size, by which a learning rate is chosen if none is given. None: as its config.json says."""
    summary: Note = told("")
    """What it is, in a sentence: for those who choose."""
    tags: list[Text] = told([])
    """Words by which a request may mean it."""
    parameters: Annotated[float, Field(ge=1, le=1e15)] | None = told()
    """How many parameters it has; None: no request by size means it."""
    shape: Shape = told(Shape())
    """Its sizes, by which memory and time are foretold. 0: as its config.json says."""


@dataclass
class Recipe(Section):
    """The unit that people share: one self-contained YAML under recipes/, or anywhere.

    A recipe has a section of settings for each stage that it names; `config.typed` makes the class."""

    kinds: ClassVar[Mapping[str, str]] = {}
    """Stage by name: what each entry of `stages` runs."""

    name: str = "none"
    """Set from the file's place, never by the file."""
    summary: Annotated[str, Field(max_length=4000)] = ""
    """What it does, in a sentence."""
    sources: list[Text] = field(default_factory=list)
    """Where it comes from: papers, repositories."""
    suits: list[Text] = field(default_factory=list)
    """Goals, or kinds of goal, that try it by themselves."""
    stages: list[Text] = field(default_factory=list)
    """What runs, in order: names of stages, or of sections that say `stage: NAME`."""
    rewards: dict[str, Any] = field(default_factory=lambda: {"goal": 1.0})
    """Weight of each reward: "goal" (its scorer) or a plug-in; or a mapping of `weight` and the reward's settings."""
    lora: Annotated[int, Field(ge=1, le=4096)] | None = tunable()
    """Rank on all linear layers; None: full fine-tune."""
    tunable: dict[str, Any] = field(default_factory=dict)
    """The contract: all that a proposer or a sweep may change, and how far."""

    @cached_property
    def contract(self) -> contract.Contract:
        """The contract, typed; faults in it were found when the recipe was loaded."""
        return contract.read(self.tunable, contract.leaves(type(self)))[0]

    def value(self, key: str) -> Any:
        """Return the recipe's own value of a dotted key; None if it leaves the key to the library's default."""
        return attrgetter(key)(self)

    def with_(self, overrides: Mapping[str, Any]) -> "Recipe":
        """Return the recipe with other values of some dotted keys."""
        changes: dict[str, Any] = {}
        sections: dict[str, dict[str, Any]] = {}
        for key, value in overrides.items():
            section, dot, name = key.partition(".")
            place = sections.setdefault(section, {}) if dot else changes
            place[name if dot else key] = value
        for section, values in sections.items():
            changes[section] = replace(getattr(self, section), **values)
        changed = replace(self, **changes)
        if "contract" in self.__dict__ and "tunable" not in changes:
            changed.__dict__["contract"] = self.contract
        return changed

    def tree(self) -> dict[str, Any]:
        """Return the recipe as plain values; a section of another name says which stage it is."""
        values = asdict(self)
        for name, kind in self.kinds.items():
            if name != kind:
                values[name] = {"stage": kind, **values[name]}
        return values

    def weights(self) -> dict[str, float]:
        """Return the weight of each reward."""
        return {name: float(w["weight"] if isinstance(w, Mapping) else w) for name, w in self.rewards.items()}


@dataclass
class Config(Section):
    """One study, or one trial of it."""

    goal: Goal = field(default_factory=Goal)
    model: Model = field(default_factory=Model)
    recipe: Recipe = field(default_factory=Recipe)
    proposer: Proposer = field(default_factory=Proposer)
    budget: Budget = field(default_factory=Budget)
    compute: Compute = field(default_factory=Compute)
    diagnosis: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of diagnosis rules: rule → field → value."""
    research: dict[str, Any] = field(default_factory=dict)
    """Settings of research, which `intern.research.settings` types: field → value."""
    study: PathName = MISSING
    """The study's folder under `outputs`, and its identity."""
    outputs: Text = "outputs"
    """Where studies are written."""
    seed: Natural = 0
    """Seed of every stage."""
    quiet: bool = False
    """Print the result alone."""
    diagnose: bool = True
    """Let the rules of intern/diagnosis stop a stage."""

    def tree(self) -> dict[str, Any]:
        """Return the config as plain values, which `config.typed` reads back as the same config."""
        return {**asdict(self), "recipe": self.recipe.tree()}
