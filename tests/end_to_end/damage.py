"""Files that are cut short or have a bit flipped, then read by `load` and by the next run: what may come of that."""
import os

from faults import *

FRAME_HEADER = 80
PREAMBLE = 24


def frames_of(journal):
    """Begin, end and bytes of each frame of a whole journal."""
    at = 2 * (PREAMBLE + int.from_bytes(journal[12:16], "little"))
    while at < len(journal):
        end = at + FRAME_HEADER + int.from_bytes(journal[at + 8 : at + 16], "little")
        yield at, end, journal[at:end]
        at = end


class Damage:
    """A place in a scenario's files that is damaged, and what came of it."""

    def __init__(self, scenario, name, bit, cut):
        self.scenario, self.name, self.bit, self.cut = scenario, name, bit, cut
        self.wrong, self.lost, self.crashed, self.recomputed = [], [], [], 0
        test = scenario.test
        scenario.restore()
        path = test.place / name
        whole = path.read_bytes()
        damaged = bytearray(whole[: bit // 8] if cut else whole)
        if not cut:
            damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        self.judge_load(test.start(mode="load", pids=test.base / "no_pids").wait())
        self.outcome, _ = scenario.run()
        calls = test.called()
        if path == test.archive:
            self.judge_archive(bytes(damaged))
        else:
            self.judge_records(whole, calls)

    def __str__(self):
        what = "cut at byte" if self.cut else f"bit {self.bit % 8} flipped of byte"
        return f"{self.scenario.name}: {self.name} {what} {self.bit // 8}: {self.problems}\n{self.outcome}"

    @property
    def problems(self):
        return self.wrong + self.lost + self.crashed

    def judge_load(self, outcome):
        """Reads what is right, or says that it can't."""
        right = dict(zip(self.scenario.arguments, self.scenario.results))
        if outcome.code == 0:
            read = {line["argument"]: line["result"] for line in outcome.lines if line["result"] is not None}
            if not read.items() <= right.items():
                self.wrong.append(f"load reads {read}")
        elif outcome.code not in (2, 74) or not outcome.err:
            self.crashed.append(f"load: {outcome}")

    def judge_records(self, whole, calls):
        if self.outcome.code != 0:
            self.crashed.append("it failed")
            return
        if self.outcome.results != self.scenario.results:
            self.wrong.append("other results")
        if self.scenario.archive_content()[0] != self.scenario.archive[0]:
            self.wrong.append("another archive")
        if os.listdir(self.scenario.test.place) != [self.scenario.test.archive.name]:
            self.wrong.append(f"left: {os.listdir(self.scenario.test.place)}")
        damaged = b""
        if self.name.endswith(".journal"):
            damaged = b"".join(frame for begin, end, frame in frames_of(whole)
                               if end > self.bit // 8 and (self.cut or begin <= self.bit // 8))
        again = set(calls) - set(self.scenario.missing)
        self.recomputed = len(again)
        if not set(self.scenario.missing) <= set(calls) or any(name.encode() not in damaged for name in again):
            self.lost.append(f"computed {calls} instead of {self.scenario.missing}")

    def judge_archive(self, damaged):
        """It is refused, and stays as it is; or what is whole of it is right."""
        test = self.scenario.test
        if self.outcome.code == 0:
            if self.outcome.results != self.scenario.results:
                self.wrong.append("other results")
        elif self.outcome.code not in (2, 74):
            self.crashed.append("neither used nor refused")
        elif test.archive.read_bytes() != damaged:
            self.wrong.append("refused, but not as it was")
        elif str(test.archive) not in self.outcome.err:
            self.wrong.append("refused without its name")
        else:
            test.archive.unlink()
            again, _ = self.scenario.run()
            test.calls()
            if again.results != self.scenario.results:
                self.wrong.append(f"without it: {again}")


class DamageTest(FaultsTest):
    def half(self):
        """Two runs' journals, a list of the changed arguments, a manifest."""
        self.interrupted(NAMES[2:8], 3)
        self.interrupted(NAMES[:8], 4)
        return Scenario(self, "half", NAMES[:8], self.template("half"))

    def finished(self):
        """An archive that carries a result of another list along."""
        self.run_map([*NAMES[:3], "other"], env={"TASKER_PROGRESS": "off"})
        self.run_map(NAMES[:8], env={"TASKER_PROGRESS": "off"})
        return Scenario(self, "finished", NAMES[:8], self.template("finished"))

    def places(self, scenario, cut):
        """Every byte, or bit, that can be damaged."""
        step = 8 if cut else 1
        return [(str(path.relative_to(scenario.template)), bit) for path in sorted(scenario.template.rglob("*"))
                if path.is_file() for bit in range(0, path.stat().st_size * 8, step)]
