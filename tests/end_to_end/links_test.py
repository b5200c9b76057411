"""Planted links: nothing is written, read or removed where they lead to."""
import os
import shutil
import unittest

from support import *

NAMES = [f"task {i}" for i in range(20)]
LINK = "it is a symbolic link, which is not followed here"


class Links(WorklistTest):
    def setUp(self):
        super().setUp()
        self.elsewhere = self.base / "elsewhere"
        self.elsewhere.mkdir()

    def half_done(self):
        """A directory with half of the records, a list and a manifest; what its journal is called."""
        for names in (NAMES[5:15], NAMES):
            self.run_map(names, code=1, failing=self.write("failing", NAMES[10:]), sleep_us=1000,
                         env={"TASKER_ON_FAILURE": "stop"})
        self.calls()
        return max(self.directory.glob("*.journal")).name

    def plant(self, name, dangling=False):
        """A link where the library has, or had, a file of its own; that one, or another one, it leads to."""
        place, target = self.directory / name, self.elsewhere / Path(name).name
        if place.exists():
            place.rename(target)
        elif not dangling:
            target.write_text("somebody's")
        place.symlink_to(target)
        return place

    def assert_finishes(self, computed):
        self.run_map(NAMES)
        self.assertEqual(self.called(), sorted(computed))
        self.assertEqual(archive_results(self.archive), self.serial(NAMES)[1])
        self.assertEqual(os.listdir(self.place), [self.archive.name])

    def test_what_is_to_be_read_is_refused_where_a_link_leads_to_it(self):
        for name in ("manifest.json", "journal", "000007-0123456789abcdef-3.journal"):
            for ranks in (1, 3):
                with self.subTest(name=name, ranks=ranks):
                    journal = self.half_done()
                    link = self.plant(journal if name == "journal" else name)
                    before = tree(self.elsewhere)
                    outcome = self.run_map(NAMES, ranks=ranks, code=74)
                    self.assertRegex(outcome.err, rf"cannot open {link}: .*{LINK}")
                    self.assertEqual(self.calls(), [])
                    self.assertIn(LINK, self.load(code=74).err)
                    self.assertEqual(tree(self.elsewhere), before)
                    link.unlink()
                    if (self.elsewhere / journal).exists():
                        (self.elsewhere / journal).rename(self.directory / journal)
                    self.assert_finishes(NAMES[10:])
                    self.archive.unlink()

    def test_a_link_in_the_place_of_a_fence(self):
        self.half_done()
        link = self.directory / "0123456789abcdef.fence"
        before = tree(self.elsewhere)
        link.symlink_to(self.elsewhere)
        for ranks in (1, 3):
            self.assertIn(f"{link} is a symbolic link to {self.elsewhere}", self.run_map(NAMES, ranks=ranks, code=2).err)
        self.assertEqual(tree(self.elsewhere), before)
        link.unlink()
        self.assert_finishes(NAMES[10:])

    def test_what_is_to_be_written_takes_the_place_of_a_link(self):
        for name in ("list.bin", "9-0123456789abcdef0123456789abcdef.state.0123456789abcdef"):
            for dangling in (False, True):
                with self.subTest(name=name, dangling=dangling):
                    self.half_done()
                    self.plant(name, dangling)
                    before = tree(self.elsewhere)
                    self.assert_finishes(NAMES[10:])
                    self.assertEqual(tree(self.elsewhere), before)
                    self.archive.unlink()

    def test_links_that_are_planted_during_the_run(self):
        arguments = [*NAMES, "wait"]
        run = self.start(arguments, ranks=3, sleep_us=1000, wait_for=self.base / "now")
        run.until(lambda: len(read_lines(self.ledger)) == len(arguments), "the last task")
        fence, = self.directory.glob("*.fence")
        for name in ("list.bin", "manifest.json", f"{fence.name}/archive.unfinished", f"{fence.name}/removed"):
            self.plant(name)
        before = tree(self.elsewhere)
        (self.base / "now").touch()
        self.assertEqual(run.wait().code, 0)
        self.assertEqual(tree(self.elsewhere), before)
        self.assertEqual(os.listdir(self.place), [self.archive.name])

    def test_a_link_in_the_place_of_the_directory(self):
        self.half_done()
        theirs = self.elsewhere / "theirs.dat.mpi"
        self.directory.rename(theirs)
        before = tree(self.elsewhere)
        for target in (theirs, self.elsewhere, self.elsewhere / "nothing"):
            self.directory.symlink_to(target)
            for settings in ({}, {"ranks": 3}, {"env": {"TASKER_DRY_RUN": 1}}):
                with self.subTest(target=target.name, **settings):
                    outcome = self.run_map(NAMES, code=2, **settings)
                    self.assertIn(f"{self.directory} is a symbolic link to {target}", outcome.err)
                    self.assertEqual(self.calls(), [])
                    self.assertEqual(tree(self.elsewhere), before)
            self.directory.unlink()

    def test_directories_in_the_place_of_files(self):
        for name in ("manifest.json", "list.bin", "000007-000000000000000a-3.journal"):
            with self.subTest(name=name):
                self.half_done()
                if (self.directory / name).exists():
                    (self.directory / name).unlink()
                (self.directory / name / "somebody's").mkdir(parents=True)
                outcome = self.run_map(NAMES, code=74)
                self.assertRegex(outcome.err, f"cannot [a-z]+ {self.directory / name}: ")
                calls = self.called()
                shutil.rmtree(self.directory / name)
                self.assert_finishes(set(NAMES[10:]) - set(calls))
                self.archive.unlink()


if __name__ == "__main__":
    unittest.main()
