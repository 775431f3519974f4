"""The machine that a plan is made for: what the config describes, a GPU of this machine, or its processor, which is
timed."""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from intern import hardware
from intern.config import choices
from intern.config.schema import Compute
from intern.errors import UserError

PROBE = 0.2  # seconds of products and of copies that tell how fast a processor is
SIZE = 512  # of the matrices: a product of smaller ones is no peak
COPIED = 2 * 10**7  # bytes, more than a cache holds


@dataclass(frozen=True)
class Target:
    """A machine, in numbers."""

    name: str
    """What it is, as a person knows it."""
    memory: float
    """Bytes that a trial can have."""
    peak: float
    """Operations a second of training: bfloat16 on a GPU, float32 on a processor."""
    peak_32: float
    """Operations a second of plain float32."""
    bandwidth: float
    """Bytes a second of its memory."""
    gpu: bool
    """Whether it is an accelerator."""
    here: bool
    """Whether earlier studies of this machine ran on it."""
    dollars: float | None = None
    """What an hour costs; None: not known, or nothing."""
    busy: float = 1.0
    """So many times longer work takes while others compute as they do now."""


def target(compute: Compute) -> Target:
    """Return the machine that trials run on.

    Raises:
        UserError: for a GPU of which too little is known.
    """
    here = hardware.gpus()
    device = compute.device
    if device.tflops or device.name:
        return described(compute, any(device.name and device.name in told for told in here))
    if here:
        return known(compute, here[0])
    return processor(compute)


def described(compute: Compute, here: bool) -> Target:
    """Return a machine as the config describes it.

    Raises:
        UserError: if a figure is lacking.
    """
    device = compute.device
    lacking = [key for key in ("memory_gb", "tflops", "gb_per_second") if getattr(device, key) is None]
    if device.memory_gb is None or device.tflops is None or device.gb_per_second is None:
        raise UserError(
            f"compute.device.{', compute.device.'.join(lacking)}: a value is needed for {device.name or 'the device'}, "
            f"from its data sheet, or one of: {', '.join(f'compute={name}' for name in table())}."
        )
    return Target(
        device.name or "GPU",
        device.memory_gb * 1e9 / compute.slots,
        device.tflops * 1e12,
        (device.tflops_32 or device.tflops / 16) * 1e12,
        device.gb_per_second * 1e9,
        gpu=True,
        here=here,
        dollars=device.dollars_an_hour,
    )


def table() -> list[str]:
    """Return the options of `compute` that describe a device."""
    return [name for name, _ in devices()]


def devices() -> Iterator[tuple[str, Compute]]:
    """Yield name and config of each option of `compute` that describes a device."""
    for name in choices.files("compute"):
        tree = choices.values("compute", name)
        with suppress(TypeError):  # a plug-in's own keys
            made = Compute(**{**tree, "device": Compute().device.__class__(**tree.get("device", {}))})
            if made.device.name:
                yield name, made


def known(compute: Compute, told: str) -> Target:
    """Return a GPU of this machine, by its name among the options that describe one, with the memory that it has.

    Raises:
        UserError: if none of them is it.
    """
    name, _, _ = told.rpartition(",")
    for _, option in devices():
        device = option.device
        if device.name and device.name in name:
            device.dollars_an_hour = compute.device.dollars_an_hour or device.dollars_an_hour
            device.memory_gb = (hardware.gpu_memory(told) or (device.memory_gb or 0) * 1e9) / 1e9
            return described(Compute(slots=compute.slots, device=device), here=True)
    raise UserError(
        f"The GPU {name} is none of {', '.join(table())}. Give its data sheet's figures: compute.device.name='{name}' "
        "compute.device.memory_gb=… compute.device.tflops=… compute.device.gb_per_second=…"
    )


def processor(compute: Compute) -> Target:
    """Return this machine's processor, and how busy it is now."""
    free, _ = hardware.memory()
    cores = os.cpu_count() or 1
    threads = compute.threads or max(1, int(os.environ.get("OMP_NUM_THREADS") or cores) // compute.slots)
    core, bandwidth = timed()
    memory = compute.device.memory_gb * 1e9 if compute.device.memory_gb else free
    return Target(
        "this CPU",
        memory / compute.slots,
        threads * core,
        threads * core,
        bandwidth / compute.slots,
        gpu=False,
        here=True,
        dollars=compute.device.dollars_an_hour,
        busy=max(1.0, (os.getloadavg()[0] + threads) / cores),
    )


def timed() -> tuple[float, float]:
    """Return the operations and the copied bytes a second of one core, whatever else runs."""
    import numpy

    left, right = (numpy.ones((SIZE, SIZE), numpy.float32) for _ in range(2))
    product = numpy.empty_like(left)
    source = numpy.ones(COPIED // 4, numpy.float32)
    copy = numpy.empty_like(source)
    products = rate(lambda: numpy.matmul(left, right, out=product))
    copies = rate(lambda: numpy.copyto(copy, source))
    return products * 2.0 * SIZE**3, copies * 2.0 * COPIED  # read and written


def rate(work: Callable[[], object]) -> float:
    """Return how often something can be done in a second of one core's time, by the quickest of a few times."""
    work()  # threads are started, pages are touched
    quickest, begun = math.inf, time.perf_counter()
    while time.perf_counter() - begun < PROBE / 2 or quickest == math.inf:
        before = time.process_time()
        work()
        quickest = min(quickest, max(time.process_time() - before, 1e-9))
    return 1 / quickest
