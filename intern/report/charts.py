"""The report's charts as Vega-Lite specs: functions from rows to specs, which read nothing.

Every colour is a CSS variable of the page (the SVG renderer passes `var(--…)` through), so that light, dark and
print need no second drawing. `picked` is a parameter of each chart: the trial to highlight, -1 for none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from intern.records import Trial
from intern.report import fmt

Row = Mapping[str, Any]
Spec = dict[str, Any]

# Okabe and Ito's palette, as the page's variables; the shape tells kinds apart where colour cannot.
KINDS = {
    "baseline": "circle",
    "propose": "circle",
    "sweep": "diamond",
    "remedy": "triangle-up",
    "rollback": "triangle-left",
    "ablate": "triangle-down",
    "repeat": "square",
}
STATES = {"PRUNED": "triangle-down", "FAIL": "cross", "RUNNING": "stroke", "REJECTED": "cross"}
SHAPES = {"kind": KINDS, "state": STATES}
BRIGHT = {"condition": {"test": "picked < 0 || datum.trial == picked", "value": 1}, "value": 0.2}
TOLD = ("trial", "what", "state", "dev", "verdict", "time")  # the tooltip of a trial
CYCLE = 8  # the page's colours of stages, --stage-0 and so on; a ninth stage has the first one's
CROWDED = 150  # trials above which error bars would hide the points, and points are drawn small
MANY = 20  # runs above which curves are drawn thin


def colour(name: str) -> str:
    """Return the page's colour of a kind or a state."""
    return f"var(--{name.lower()})"


def stage_colours(trials: Sequence[Trial]) -> dict[str, str]:
    """Return a colour for each stage that was run, by its name, in the order in which they first appear."""
    names = dict.fromkeys(run.name for t in trials for run in t.stages)
    return {name: f"var(--stage-{place % CYCLE})" for place, name in enumerate(names)}


def by_trial(trials: Sequence[Trial], shown: Sequence[Trial]) -> dict[str, Spec]:
    """Return the charts whose axis is the trial's number: scores, and wall time.

    Args:
        trials: every trial.
        shown: those that are drawn.
    """
    drawn = [t for t in shown if t.kind != "confirm"]
    if not drawn:
        return {}
    axis = axis_of_trials(trials[-1].number)
    times = [
        {"trial": t.number, "stage": run.name, "place": place, "seconds": run.seconds}
        for t in shown
        for place, run in enumerate(t.stages)
        if not run.reused
    ]
    return {
        "scores": scores([point(t) for t in drawn], incumbents(trials), rules(trials[0]), axis),
        "seconds": seconds(times, stage_colours(trials), axis),
    }


def point(trial: Trial) -> dict[str, Any]:
    """Return a trial's place in the chart of scores, and its tooltip."""
    about = {"trial": trial.number, "kind": trial.kind, "state": trial.state, "hollow": trial.fidelity < 1}
    mean, error = trial.mean("dev"), trial.stderr("dev")
    if mean is None:
        return {**about, "mean": None, **tooltip(trial)}
    span = {"mean": round(mean, 4), "low": round(mean - error, 4), "high": round(mean + error, 4)}
    return {**about, **span, **tooltip(trial)}


def tooltip(trial: Trial) -> dict[str, str]:
    """Return what is said of a trial under the mouse."""
    judged = f"{trial.verdict.call}: {fmt.verdict(trial.verdict)}" if trial.verdict else ""
    stopped = f"{trial.diagnosis.rule} at step {trial.diagnosis.step}" if trial.diagnosis else ""
    return {
        "what": f"{trial.kind} {fmt.what(trial)}",
        "dev": fmt.rate(trial) or "not scored",
        "verdict": judged or stopped or trial.reason or "none",
        "time": fmt.duration(trial.seconds),
    }


def incumbents(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return (trial, mean) of each incumbent, and of the last one again at the end of the axis."""
    steps = [
        {"trial": t.number, "mean": t.mean("dev")}
        for t in trials
        if t.mean("dev") is not None and (not t.number or (t.verdict and t.verdict.call == "keep"))
    ]
    return [*steps, {"trial": trials[-1].number, "mean": steps[-1]["mean"]}] if steps else []


def rules(base: Trial) -> list[dict[str, Any]]:
    """Return the baselines as lines across the chart; if two lie close, the lower one's label goes below it."""
    shots = {s.shots for s in base.scores if s.split == "dev"}
    means = sorted(((base.mean("dev", n) or 0.0, n) for n in shots), reverse=True)
    lines: list[dict[str, Any]] = []
    for mean, n in means:
        close = bool(lines) and lines[-1]["mean"] - mean < 0.06
        label = f"base {f'{n}-shot' if n else 'zero-shot'} {fmt.percent(mean)}"
        lines.append({"mean": mean, "label": label, "dy": 9 if close else -7})
    return lines


def scores(points: Sequence[Row], incumbent: Sequence[Row], rules: Sequence[Row], x: Spec) -> Spec:
    """Return dev score by trial.

    Args:
        points: trial, kind, state, mean, low, high, hollow and the texts of the tooltip.
        incumbent: trial and mean.
        rules: mean, label and dy, the label's place.
        x: the axis.
    """
    crowded = len(points) > CROWDED
    y = number("mean", title=None, axis={"format": "%", "tickCount": 6}, scale={"zero": False, "nice": True})
    layers = [*baselines(y), steps(x, y), *([] if crowded else [bars(x)]), dots(x, y, crowded), marks(x, crowded)]
    apart = {"scale": {"color": "independent", "shape": "independent"}}
    chart = {"layer": layers, "resolve": apart, "height": 300}
    scored = [row for row in points if row["mean"] is not None]
    others = [row for row in points if row["mean"] is None]
    return finished(chart, rules=rules, incumbent=incumbent, scored=scored, others=others)


def baselines(y: Spec) -> list[Spec]:
    """Return the layers of the baselines and of their labels."""
    rule = {"type": "rule", "strokeDash": [5, 4], "stroke": "var(--muted)", "opacity": 0.7}
    text = {"type": "text", "align": "right", "dx": -2, "fill": "var(--muted)", "fontSize": 11}
    text["dy"] = {"expr": "datum.dy"}
    return [
        layer("rules", rule, {"y": y}),
        layer("rules", text, {"x": {"value": "width"}, "y": y, "text": name("label")}),
    ]


def steps(x: Spec, y: Spec) -> Spec:
    """Return the layer of the incumbent."""
    line = {"type": "line", "interpolate": "step-after", "stroke": "var(--accent)", "strokeWidth": 2, "opacity": 0.45}
    return layer("incumbent", line, {"x": x, "y": y})


def bars(x: Spec) -> Spec:
    """Return the layer of error bars."""
    low, high = number("low", title=None), {"field": "high"}
    encoding = {"x": x, "y": low, "y2": high, "opacity": BRIGHT, "color": palette("kind")}
    return layer("scored", {"type": "rule", "strokeWidth": 1.5}, encoding)


def dots(x: Spec, y: Spec, crowded: bool) -> Spec:
    """Return the layer of the trials that were scored; a cheap one is pale."""
    mark = {"type": "point", "filled": True, "size": 30 if crowded else 95, "strokeWidth": 1.8}
    encoding = {
        "x": x,
        "y": y,
        "color": palette("kind"),
        "shape": shapes("kind"),
        "opacity": BRIGHT,
        "fillOpacity": when("datum.hollow", 0.4, 1),
        "tooltip": [name(key) for key in TOLD],
    }
    return layer("scored", mark, encoding)


def marks(x: Spec, crowded: bool) -> Spec:
    """Return the layer of the trials that were not scored, below the others."""
    mark = {"type": "point", "filled": False, "size": 30 if crowded else 80, "strokeWidth": 2.2}
    encoding = {
        "x": x,
        "y": {"value": "height"},
        "color": palette("state"),
        "shape": shapes("state"),
        "opacity": BRIGHT,
        "tooltip": [name(key) for key in TOLD],
    }
    return layer("others", mark, encoding)


def seconds(rows: Sequence[Row], colours: Mapping[str, str], x: Spec) -> Spec:
    """Return wall time by trial, stacked by stage; rows have trial, stage, place and seconds."""
    bars = len({row["trial"] for row in rows}) or 1
    scale = {"domain": list(colours), "range": list(colours.values())}
    size = {"expr": f"clamp(0.6 * width / {bars}, 1, 10)"}  # bars never touch
    encoding = {
        "x": x,
        "y": number("seconds", title="seconds", axis={"tickCount": 4}),
        "color": name("stage", scale=scale, legend=None),
        "order": number("place"),
        "opacity": BRIGHT,
        "tooltip": [name("trial"), name("stage"), number("seconds", format=".1f")],
    }
    return finished({**layer("times", {"type": "bar", "size": size}, encoding), "height": 110}, times=rows)


def curve(points: Sequence[Row], runs: Sequence[Row], stops: Sequence[Row]) -> Spec:
    """Return one metric of one stage.

    Args:
        points: run, step, value; a value of None is a gap.
        runs: run, the trials that share it, label and colour.
        stops: the diagnosed moments: trials, step, value, label, symptom.
    """
    few = len(runs) < MANY
    about = {"lookup": "run", "from": {"data": {"name": "runs"}, "key": "run", "fields": ["trials", "label", "colour"]}}
    bright = "indexof(datum.trials, picked) >= 0"
    x = number("step", title="step", axis={"grid": False, "tickCount": 5, "tickMinStep": 1})
    y = number("value", title=None, axis={"tickCount": 4}, scale={"zero": False})
    line = {
        "detail": name("run"),
        "stroke": name("colour", scale=None),
        "opacity": when(f"picked < 0 ? datum.colour != 'var(--muted)' : {bright}", 1, 0.4),
        "strokeWidth": when(f"picked < 0 ? datum.colour == 'var(--accent)' : {bright}", 2.4, 1.6 if few else 1),
    }
    told = [name("label", title="run"), number("step"), number("value", format=".4g")]
    unseen = {"type": "point", "size": 60, "opacity": 0}  # what the mouse finds
    layers = [
        layer("points", {"type": "line"}, {"x": x, "y": y, **line}, transform=[about]),
        layer("points", unseen, {"x": x, "y": y, "tooltip": told}, transform=[about]),
    ]
    if not stops:  # Vega warns of an empty layer
        return finished({"layer": layers, "height": 170}, points=points, runs=runs)
    mark = {"type": "point", "shape": "triangle-down", "filled": True, "fill": "var(--pruned)", "yOffset": -8}
    what = [name("label", title="stopped"), name("symptom"), number("step")]
    fired = {"x": x, "y": y, "tooltip": what, "opacity": when(f"picked < 0 || {bright}", 1, 0.2)}
    layers.append(layer("stops", mark | {"size": 110 if len(stops) < MANY else 50}, fired))
    return finished({"layer": layers, "height": 170}, points=points, runs=runs, stops=stops)


def importances(rows: Sequence[Row]) -> Spec:
    """Return how much of the differences on dev each contract key explains; rows have key and share, in order."""
    x = number("share", title=None, axis=None, scale={"domain": [0, 1.12]})
    y = name("key", title=None, sort=None, axis={"labelLimit": 220, "ticks": False, "domain": False})
    bar = {"type": "bar", "size": 14, "fill": "var(--accent)", "cornerRadiusEnd": 2}
    text = {"type": "text", "align": "left", "dx": 5, "fill": "var(--ink)"}
    layers = [
        layer("keys", bar, {"x": x, "y": y}),
        layer("keys", text, {"x": x, "y": y, "text": number("share", format=".0%")}),
    ]
    return finished({"layer": layers, "height": 28 * len(rows)}, keys=rows)


def axis_of_trials(last: int) -> Spec:
    """Return the axis that the charts by trial share, from trial 0 to the last."""
    scale = {"domain": [-0.5, last + 0.5], "nice": False}
    return number("trial", title="trial", scale=scale, axis={"format": "d", "tickMinStep": 1, "grid": False})


def layer(rows: str, mark: Spec, encoding: Spec, **more: Any) -> Spec:
    """Return a layer over the rows of that name, which `finished` puts into the spec."""
    return {"data": {"name": rows}, "mark": mark, "encoding": encoding, **more}


def number(field: str, **more: Any) -> Spec:
    """Return a channel that shows a number."""
    return {"field": field, "type": "quantitative", **more}


def name(field: str, **more: Any) -> Spec:
    """Return a channel that shows a name."""
    return {"field": field, "type": "nominal", **more}


def when(test: str, value: float, otherwise: float) -> Spec:
    """Return a channel with one of two values."""
    return {"condition": {"test": test, "value": value}, "value": otherwise}


def palette(field: str) -> Spec:
    """Return the page's colours of kinds or of states; the page draws the legend."""
    names = list(SHAPES[field])
    return name(field, scale={"domain": names, "range": [colour(one) for one in names]}, legend=None)


def shapes(field: str) -> Spec:
    """Return the shapes of kinds or of states."""
    names = SHAPES[field]
    return name(field, scale={"domain": list(names), "range": list(names.values())}, legend=None)


def finished(chart: Spec, **rows: Sequence[Row]) -> Spec:
    """Return the chart as wide as its container, calm, in the page's colours, with the rows that its layers name."""
    axis = {
        "labelColor": "var(--muted)", "titleColor": "var(--muted)", "gridColor": "var(--line)",
        "domainColor": "var(--line)", "tickColor": "var(--line)", "titleFontWeight": "normal",
        "labelFontSize": 11, "titleFontSize": 11, "labelPadding": 5,
    }  # fmt: skip
    font = "system-ui, sans-serif"
    return {
        **chart,
        "width": "container",
        "config": {"background": None, "font": font, "axis": axis, "view": {"stroke": None}},
        "params": [{"name": "picked", "value": -1}],
        "datasets": {name: list(some) for name, some in rows.items()},
    }
