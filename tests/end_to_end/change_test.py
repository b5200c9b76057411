"""After any change to the list exactly the changed tasks are computed, and nothing is thrown away."""
import collections
import random
import unittest

from support import *

LIST = [f"task {i}" for i in range(40)]


def changes():
    """Pairs of a name and a changed list."""
    shuffled = LIST[:]
    random.Random(1).shuffle(shuffled)
    return {
        "inserted": LIST[:7] + ["new 1", "new 2"] + LIST[7:],
        "removed": LIST[:3] + LIST[9:],
        "reordered": shuffled,
        "changed": [a + "!" if i % 5 == 2 else a for i, a in enumerate(LIST)],
        "duplicated": LIST + LIST[:4] + LIST[:2],
        "all of it": ["new 3", *shuffled[5:], "new 4", shuffled[9], shuffled[9]],
        "nothing left": ["new 5"],
        "empty": [],
    }


def to_compute(before, after):
    """The arguments, with their number, that the list before does not provide."""
    return sorted((collections.Counter(after) - collections.Counter(before)).elements())


class Change(WorklistTest):
    def check(self, arguments, computed, **others):
        outcome = self.run_map(arguments, **others)
        self.assertEqual(self.called(), sorted(computed))
        settings = {k: v for k, v in others.items() if k not in ("ranks", "env", "code")}
        results, serial_bytes = self.serial(arguments, **settings)
        self.assertEqual(outcome.results, results)
        self.assertEqual(archive_results(self.archive), serial_bytes)
        return outcome

    def test_a_finished_archive_serves_a_changed_list(self):
        for result in ("number", "text"):
            for name, changed in changes().items():
                with self.subTest(name, result=result):
                    self.check(LIST, LIST, result=result)
                    self.check(changed, to_compute(LIST, changed), result=result)
                    self.assertFalse(self.directory.exists())
                    # The old list's results were carried along.
                    self.check(LIST, [], result=result)
                    self.archive.unlink()

    def test_a_killed_run_serves_a_changed_list(self):
        for name, changed in changes().items():
            with self.subTest(name):
                run = self.start(LIST + ["wait"], sleep_us=1000, wait_for=self.base / "never")
                run.until(lambda: any(line.endswith(" wait") for line in read_lines(self.ledger)), "the last task")
                run.kill()
                self.calls()
                self.check(changed, to_compute(LIST, changed))
                self.check(LIST, [])
                self.archive.unlink()

    def test_a_finished_archive_then_a_changed_list_then_a_kill(self):
        self.check(LIST, LIST, ranks=3)
        # What waits comes last: it holds up whatever its worker has been handed ahead.
        changed = LIST[20:] + ["new 1"] + LIST[:5] + ["new 2", "wait"] + LIST[5:10] + ["wait"]
        run = self.start(changed, ranks=3, sleep_us=1000, wait_for=self.base / "now")
        run.until(lambda: len(read_lines(self.ledger)) == 4, "the new tasks")
        run.until(lambda: sum(r is not None for r in self.load(archive=self.directory).results) == 32, "records")
        # The old archive is still there; the directory has the new list's results, each at its new place.
        for line in self.load(archive=self.directory).lines:
            if line["result"] is not None:
                self.assertEqual(line["argument"], changed[line["index"]])
        run.kill()
        self.calls()
        (self.base / "now").touch()
        outcome = self.check(changed, ["wait", "wait"], ranks=2, wait_for=self.base / "now")
        self.assertIn("10 of other lists carried along", outcome.err)
        self.check(LIST, [], wait_for=self.base / "now")

    def test_a_random_history_of_lists(self):
        """Whatever was computed once is never computed again."""
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        known = collections.Counter()
        for _ in range(12):
            arguments = chance.choices(LIST, k=chance.randrange(50))
            self.check(arguments, (collections.Counter(arguments) - known).elements(),
                       ranks=chance.choice((1, 1, 1, 2)))
            known |= collections.Counter(arguments)

    def test_what_asked_for_its_index_does_not_move(self):
        self.check(LIST, LIST, asks="index")
        self.check(LIST, [], asks="index", ranks=3)
        swapped = [LIST[1], LIST[0], *LIST[2:]]
        self.check(swapped, LIST[:2], asks="index")
        self.check(LIST[:10], [], asks="index")
        self.check(LIST, [], asks="index")
        self.check(LIST + ["new"], ["new"], asks="index")

    def test_what_asked_for_the_number_of_tasks_serves_only_that_number(self):
        self.check(LIST, LIST, asks="count")
        self.check(LIST[:30], LIST[:30], asks="count")
        self.check(LIST[:30], [], asks="count", ranks=3)
        self.check(LIST, [], asks="count")

    def test_another_type_is_refused_and_nothing_touched(self):
        self.run_map(LIST)
        before = tree(self.place)
        for ranks in (1, 3):
            outcome = self.run_map(LIST, ranks=ranks, result="text", code=2)
            self.assertEqual(outcome.err.count("tasker:"), 1, str(outcome))
            self.assertRegex(outcome.err, r"list\.dat holds results of type f64, this program has str")
            self.assertEqual(tree(self.place), before)
        self.archive.unlink()
        run = self.start(LIST + ["wait"], sleep_us=1000, wait_for=self.base / "never")
        run.until(lambda: any(line.endswith(" wait") for line in read_lines(self.ledger)), "the last task")
        run.kill()
        before = tree(self.place)
        outcome = self.run_map(LIST, ranks=2, result="text", code=2)
        self.assertRegex(outcome.err, r"list\.dat\.mpi holds results of type f64, this program has str")
        self.assertEqual(tree(self.place), before)

    def test_foreign_files_are_refused_and_not_touched(self):
        self.archive.write_text("a letter, not an archive, and long enough to be one\n" * 10)
        before = tree(self.place)
        self.assertIn("not a Tasker archive", self.run_map(LIST, ranks=2, code=2).err)
        self.assertEqual(tree(self.place), before)
        self.archive.unlink()
        # A new archive would take the link's place.
        self.archive.symlink_to("real.dat")
        self.run_map(LIST, archive=self.place / "real.dat")
        for changed in (LIST, LIST[1:]):
            before = tree(self.place)
            self.assertIn("list.dat is a symbolic link to real.dat", self.run_map(changed, code=2).err)
            self.assertEqual(tree(self.place), before)
        self.assertEqual(len(self.load().results), len(LIST))
        self.archive.unlink()
        self.directory.mkdir()
        (self.directory / "thesis.tex").write_text("years of work")
        before = tree(self.place)
        self.assertIn("not a directory of Tasker", self.run_map(LIST, code=2).err)
        self.assertEqual(tree(self.place), before)


if __name__ == "__main__":
    unittest.main()
