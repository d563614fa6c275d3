"""Folders that somebody hands over, one of each kind, among other things of the user's; and commands that take them.

`Handed.attempt` draws a command and a replacement from a seed, carries the command out, and tells what must not be.
"""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import commands
import numpy as np
import replacing
import trying
import watching

_CONFIG = "name: {name}\ndataset: {{kind: npz, path: data.npz}}\nevaluation: {{bootstrap: 10}}\n"
_NETWORK = "model: {kind: network, layers: [{dense: 4}]}\n"
CONFIGS = {
    "linear": _CONFIG + "model: linear\n",
    "other": _CONFIG + "model: {{kind: linear, l2: 0.1}}\n",
    "numbers": _CONFIG.replace("data.npz", "numbers.npz") + "model: {{kind: gradient_boosting, num_iterations: 3}}\n",
    "table": _CONFIG.replace("npz, path: data.npz", "csv, path: table.csv, target: kind") + "model: linear\n",
    "forest": _CONFIG + "model: {{kind: random_forest, num_trees: 3}}\n",
    "network": _CONFIG
    + _NETWORK.replace("{", "{{").replace("}", "}}")
    + "optimizer: {{kind: adam, schedule: {{kind: cosine, cycles: 2}}}}\ntraining: {{epochs: 4, snapshots: true}}\n",
    "stopped": _CONFIG + _NETWORK.replace("{", "{{").replace("}", "}}") + "training: {{epochs: 5}}\n",
    "study": _CONFIG
    + "model: linear\n"
    + "tuner: {{kind: random, trials: 3, space: {{model.l2: {{loguniform: [1.0e-4, 1.0]}}}}}}\n",
}
"""What is trained; a second linear run stands beside the one that is changed."""

DATA = {"numbers": ("numbers.npz", "new.npz"), "table": ("table.csv", "new.csv")}
"""Files of labelled and of new rows, for kinds that have others than most."""

CANARY = "from pathlib import Path\n\nPath({canary!r}).touch()\n\n\ndef load():\n    raise OSError\n"


class Handed:
    """What somebody has handed over, and the user's own things around it.

    Args:
        trier: Carries out commands.
        folder: An empty folder.
    """

    def __init__(self, trier: trying.Trier, folder: Path) -> None:
        self._trier = trier
        self._original = folder / "original"
        self._folder = folder / "home"
        self._scratch = folder / "home" / "scratch"
        self.ids = self._build(self._original / "work")
        self._restore()

    @property
    def work(self) -> Path:
        """The folder that commands are carried out in."""
        return self._folder / "work"

    @property
    def canary(self) -> Path:
        """What is there as soon as code of a stranger has run."""
        return self._folder / "canary"

    def _build(self, work: Path) -> dict[str, str]:
        """Train one of each kind, and return their ids by kind."""
        work.mkdir(parents=True)
        random = np.random.default_rng(0)
        x = random.normal(size=(90, 3)).astype(np.float32)
        np.savez(work / "data.npz", x=x, y=(x[:, 0] + 0.3 * random.normal(size=90) > 0).astype(np.int64))
        np.savez(work / "new.npz", x=x[:20] * 2)
        np.savez(work / "numbers.npz", x=x, y=(x[:, :2] * 3 + 7).astype(np.float32))
        rows = [
            f"{a:.3f},{['red', 'green', 'blue'][int(b * 9) % 3]},{'' if c > 1 else format(c, '.1f')}"
            for a, b, c in x.tolist()
        ]
        for name, told in (("table.csv", rows), ("new.csv", rows[:20])):
            labelled = [f"{row},{'yes' if row[0] == '-' else 'no'}" for row in told]
            (work / name).write_text("\n".join(["size,colour,weight,kind", *labelled]) + "\n")
        for name, config in CONFIGS.items():
            (work / f"{name}.yaml").write_text(config.format(name=name))
        for name in ("linear", "other", "numbers", "table", "forest", "network"):
            self._done(work, "train", f"{name}.yaml")
        self._done(work, "python:train_until", "stopped.yaml", "3")
        self._done(work, "tune", "study.yaml", "-j", "1")
        ids = {name: next((work / "runs").glob(f"2*-{name}-*")).name for name in CONFIGS}
        self._done(work, "ensemble", ids["other"], ids["forest"], "--method", "uniform")
        ids["ensemble"] = next((work / "runs").glob("2*-ensemble-*")).name
        self._done(work, "export", ids["ensemble"], "-o", "bundle.zip")
        return ids

    def _done(self, work: Path, *arguments: str) -> None:
        ended = self._trier(*arguments, folder=work, limited=False)
        assert ended.code == 0, (arguments, ended.err)

    def _restore(self, changed: Path | None = None) -> None:
        """Put everything back in place, as the user had it.

        Args:
            changed: The only path of the user's folder that is not in place any more; any may be unless given.
        """
        if changed is None:
            replacing.remove(self._folder)
            shutil.copytree(self._original / "work", self.work, symlinks=True)
            (self.work / "canary.py").write_text(CANARY.format(canary=str(self.canary)))
        else:
            replacing.remove(changed)
            original = self._original / changed.relative_to(self._folder)
            (shutil.copytree if original.is_dir() else shutil.copy2)(original, changed)
        replacing.remove(self._scratch)
        self._scratch.mkdir()
        replacing.remove(self._folder / "outside")
        replacing.furnish(self._folder / "outside")

    def attempt(
        self, seed: int, kind: str | None = None, command: str | None = None, way: str | None = None
    ) -> Attempt:
        """Replace something of a run, carry out a command on it, and put everything back.

        Args:
            seed: Draws all that is not given.
            kind: What is handed over.
            command: Name of the command.
            way: Name of what stands in place of something.
        """
        random = np.random.default_rng(seed)
        drawn_kind, chosen = commands.drawn(random, kind, command)
        handed = self.work / ("bundle.zip" if drawn_kind == "bundle" else f"runs/{self.ids[drawn_kind]}")
        absent = commands.absent(drawn_kind)
        replaced = replacing.replace(handed, self._scratch, absent, random, way)
        names = {"run": self.ids.get(drawn_kind, ""), "path": str(handed.relative_to(self.work))}
        names |= dict(zip(("data", "new"), DATA.get(drawn_kind, ("data.npz", "new.npz")), strict=True))
        arguments = [argument.format(**names, other=self.ids["other"]) for argument in chosen.arguments]
        ended, wrong = self._watched(arguments, handed, chosen.writes)
        return Attempt(seed, drawn_kind, chosen.name, replaced, ended, tuple(wrong), chosen.trains)

    def harm_of(self, code: str) -> list[str]:
        """Run Python code in place of a command, and tell what of its doings must not be."""
        return self._watched(["python:run", code], self._scratch, ())[1]

    def _watched(self, arguments: Sequence[str], handed: Path, writes: Sequence[str]) -> tuple[trying.Ended, list[str]]:
        """Carry out a command, put everything back, and return how it ended and what must not be."""
        before = watching.seen(self._folder, [handed, self._scratch])
        ended = self._trier(*arguments, folder=self.work)
        after = watching.seen(self._folder, [handed, self._scratch])
        wrong = self._wrong(ended, before, after, [re.compile(f"work/{pattern}") for pattern in writes])
        self._restore(handed if before == after and handed != self._scratch else None)
        return ended, wrong

    def _wrong(
        self, ended: trying.Ended, before: watching.Seen, after: watching.Seen, allowed: Sequence[re.Pattern[str]]
    ) -> list[str]:
        changed = watching.changed(before, after, allowed)
        wrong = [f"outside: {', '.join(changed[:5])}"] if changed else []
        if self.canary.exists():
            wrong.append("code ran")
        if replacing.SECRET in ended.out + ended.err:
            wrong.append("the secret was told")
        written = [name for name in after if name not in before]
        wrong += [
            f"the secret is in {name}" for name in written if watching.holds(self._folder / name, replacing.SECRET)
        ]
        return wrong + _ended_wrong(ended)


@dataclass(frozen=True)
class Attempt:
    """What was tried, and what became of it; `wrong` is empty if that may be."""

    seed: int
    kind: str
    command: str
    replaced: str
    ended: trying.Ended
    wrong: tuple[str, ...]
    trains: bool

    @property
    def result(self) -> str:
        """`done`, `refused`, `asked for more` (work, by the stranger's config) or `wrong`."""
        if self.wrong and not (self.trains and self.wrong == (_TOO_LONG,) and "mutated" in self.replaced):
            return "wrong"
        if self.wrong:
            return "asked for more"
        return "done" if self.ended.code == 0 else "refused"

    def __str__(self) -> str:
        what = f"seed {self.seed}: {self.command} of {self.kind}, {self.replaced}: {'; '.join(self.wrong)}"
        return f"{what}\n    exit {self.ended.code}; {self.ended.err.strip()[-700:]!r}"


_TOO_LONG = f"took more than {trying.MOST_SECONDS} s"
_MOST_WORDS = 20_000


def _ended_wrong(ended: trying.Ended) -> list[str]:
    stopped = ended.timed_out or ended.code == -signal.SIGXCPU
    checks: dict[str, bool] = {
        _TOO_LONG: stopped or ended.cpu_seconds > trying.MOST_SECONDS,
        f"ended with {ended.code}": ended.code not in (0, 1, 2) and not stopped,
        f"took {ended.more_bytes / 2**20:.0f} MB": ended.more_bytes > 512 * 2**20,
        "internal error": "internal error" in ended.err,
        "a traceback": "Traceback" in ended.err,
        "hidden characters": "\x1b" in ended.out + ended.err,
        f"{len(ended.err)} characters of words": len(ended.err) > _MOST_WORDS,
    }
    return [what for what, holds in checks.items() if holds]
