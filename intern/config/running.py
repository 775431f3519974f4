"""How a study is run: who proposes, what it may spend, where its trials run. All of it may change between runs.

    python -m intern goal=mixed model=tiny budget.trials=40 compute.slots=2
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from intern.config.ranges import Positive, Section, Size, Text

MISSING: Any = "???"  # as Hydra writes it


@dataclass
class Proposer(Section):
    """Who sets the next config."""

    name: Text = MISSING
    """The plug-in under intern/proposers."""
    confirm: bool = True
    """Export the winner and score it on test, which ends the study."""


@dataclass
class Budget(Section):
    """What a study may spend; may change between runs."""

    trials: Positive = 12
    """Trials; one on 30 % of its recipe's steps counts as 0.3. Baseline and confirmation are not counted."""
    hours: Positive = 1.0
    """Time that the study takes, from its first import to its export; seconds count once, however many trials run."""
    dollars: Positive | None = None
    """Dollars that language models and hired machines may cost; None: no limit."""


@dataclass
class Device(Section):
    """The accelerator that a plan is made for, as its maker describes it; what is None is as of the machine at hand."""

    name: Text | None = None
    """Its name, or the part of it by which nvidia-smi's name of it is known."""
    memory_gb: Positive | None = None
    """Gigabytes of memory that programs can have."""
    tflops: Positive | None = None
    """Peak of dense bfloat16 matrix products with float32 sums, in 10^12 operations a second."""
    tflops_32: Positive | None = None
    """The same for plain float32: TRL's own loop writes completions with the float32 weights under training."""
    gb_per_second: Positive | None = None
    """Bandwidth of its memory."""
    dollars_an_hour: Annotated[float, Field(ge=0, le=1e6)] | None = None
    """What an hour of it costs; None: no dollars are foretold."""


@dataclass
class Compute(Section):
    """Where and how trials run; may change between runs."""

    launcher: Text = MISSING
    """The plug-in under intern/launchers."""
    slots: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trials at once."""
    threads: Annotated[int, Field(ge=1, le=10**4)] | None = None
    """Threads of a trial; None: what OMP_NUM_THREADS says, else all cores, shared among the slots."""
    trial_minutes: Positive = 600.0
    """Longest trial."""
    still_minutes: Positive = 30.0
    """A stage that takes no step, writes no token and logs no line for so long is ended: it hangs."""
    eval_batch_size: Size = 64
    """Items that are scored at once."""
    checkpoint_minutes: Annotated[float, Field(ge=0, le=1e9)] = 5.0
    """So often a training saves its state, from which a killed stage goes on; 0: after each step."""
    look_share: Positive = 0.05
    """Share of a training's time that looks at the rows it holds back may take."""
    mirror: Text | None = None
    """Folder with copies of Hub data sets, <mirror>/<owner>/<name>; None: the Hub."""
    store: Text | None = None
    """Folder of the stages' outputs, which studies may share; None: one of the study's own."""
    keep_gb: Positive = 20.0
    """Gigabytes of weights that a study's own store keeps; above them those of losing trials go, as they are made again
    if they are asked for. A 1.7 B model is 3.4 GB a stage."""
    device: Device = field(default_factory=Device)
    """What a plan is made for, if that is not this machine."""
