"""A body that never ends is stopped, wherever it is run and however it loops.

The texts are models: most tests write them into a folder and check them as
an author would.
"""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path

from cyborg_models import registry
from cyborg_models.kernel import endless
from cyborg_models.kernel.engine import Engine
from cyborg_models.kernel.language import Model, ModelError, run, when
from cyborg_models.kernel.trees import Tree
from cyborg_models.kernel.vacuity import unbreakable
from cyborg_models.kernel.walk import walk


class Forever:
    """An iterator without an end, and other ways to reach a loop."""

    def __iter__(self):
        return self

    def __next__(self):
        return 1  # LOOPS

    @property
    def turns(self):
        while True:
            pass  # LOOPS

    @staticmethod
    def turn():
        while True:
            pass  # LOOPS


def _of_a_table():
    number = 0
    while number >= 0:
        number += 1  # LOOPS


TABLE, FOREVER = {'go': _of_a_table}, Forever()


def whiles(s):
    while s.count < 2:
        s.count = 1  # LOOPS


def on_one_line(s):
    while s.count < 2: pass  # noqa: E701  LOOPS


def goes_over_an_iterator(s):
    for number in FOREVER:
        s.count = number  # LOOPS


def gathers(s):
    return all(number == 1 for number in FOREVER)  # LOOPS


def lists(s):
    return [number for number in FOREVER if number > 2]  # LOOPS


def by_a_table(s):
    TABLE['go']()


def by_a_property(s):
    return FOREVER.turns


def by_a_static_method(s):
    FOREVER.turn()


def in_a_guard(s):
    when(TABLE['go']() or s.count, 'X-001')


def catches_all(s):
    while True:  # LOOPS
        try:
            s.count = 1  # LOOPS
        except Exception:
            continue  # LOOPS


LOOPS = (whiles, on_one_line, goes_over_an_iterator, gathers, lists,
         by_a_table, by_a_property, by_a_static_method, in_a_guard,
         catches_all)
TEXT = Path(__file__).read_text().splitlines()


def model(body=None, least=0, prop=None):
    """A model that counts to two; *body* runs once the count is *least*."""
    m = Model('tests.endless')
    m.var('count', range(3), start=0)

    @m.action('a -> b: go')
    def go(s):
        """Below two."""
        when(s.count < 2, 'X-001')
        s.count += 1

    @m.action('a -> b: stay')
    def stay(s):
        """From some count on."""
        when(s.count >= least, 'X-001')
        if body is not None:
            body(s)

    @m.always('X-001')
    def held(s):
        """It holds."""
        return s.count < 3 and (prop is None or s.count < 2 or prop(s))
    return m.ready()


class Bodies(unittest.TestCase):

    def test_each_is_stopped_in_its_loop(self):
        for body in LOOPS:
            with self.subTest(body.__name__):
                m = model(body)
                self.assertTrue(m.may_loop)
                with self.assertRaises(ModelError) as caught:
                    run(m, m.actions['stay'].body, (), m.initial)
                text = str(caught.exception)
                self.assertRegex(text, (
                    r'test_kernel_endless\.py:\d+: stay has run 100,000 '
                    r"lines and does not end; .* \{'count': 0\}$"))
                line = int(text.split(':')[1])
                self.assertTrue(any('LOOPS' in one for one in
                                    TEXT[line - 2:line + 1]), text)
                self.assertIsNone(sys.gettrace())
        self.assertGreater(len(LOOPS), 9)

    def test_wherever_it_is_run(self):
        def explored(m):
            return Engine(m, 16 << 20, threads=2).explore()

        def followed(m):
            Tree(m, m.actions['stay'].body, (), False)((2,))
        for where in (explored, followed, walk):
            with self.subTest(where.__name__):
                where(model(None, 2))
                with self.assertRaisesRegex(ModelError, 'does not end'):
                    where(model(by_a_table, 2))

    def test_a_property(self):
        with self.assertRaisesRegex(ModelError, 'held has run'):
            Engine(model(prop=gathers), 16 << 20).explore()
        # It is not known to be one that nothing can break.
        self.assertEqual([], unbreakable(model(prop=gathers)))

    def test_in_a_thread(self):
        found = []

        def work():
            m = model(by_a_table)
            try:
                run(m, m.actions['stay'].body, (), m.initial)
            except ModelError as error:
                found.append(str(error))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertIn('does not end', found[0])

    def test_what_ends_is_let_be(self):
        def loops_a_while(s):
            number = 0
            while number < 20_000:
                number += 1
            s.count = 2
        self.assertEqual(3, Engine(model(loops_a_while), 16 << 20)
                         .explore().states)

    def test_what_is_imported_is_let_be(self):
        """From Python 3.12 on lines are counted for good."""
        if endless.TOOL is None:
            self.assertLess(sys.version_info, (3, 12))
            return
        model(whiles)

        def events(function):
            return sys.monitoring.get_local_events(
                endless.TOOL, function.__code__)
        self.assertTrue(events(whiles) and events(Forever.__next__))
        self.assertFalse(events(Path.exists) or events(Model.ready))

    def test_who_traces_goes_on(self):
        seen = []

        def tracer(frame, event, argument):
            seen.append(frame.f_code.co_name)
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            m = model()
            run(m, m.actions['stay'].body, (), m.initial)
            self.assertIs(tracer, sys.gettrace())
        finally:
            sys.settrace(before)
        self.assertIn('ready', seen)


class Texts(unittest.TestCase):

    def test_ours_are_not_counted(self):
        names = [name for name in registry.names()
                 if name not in registry.OTHERS]
        for name in names:
            with self.subTest(name):
                self.assertFalse(registry.choose(name).model.may_loop)
        self.assertEqual(10, len(names))

    def told(self, text, helper=''):
        """What ``check`` says of a model whose action runs *text*."""
        with tempfile.TemporaryDirectory() as folder:
            head, body = textwrap.dedent(text).split('---\n')
            Path(folder, 'helper_of_it.py').write_text(
                textwrap.dedent(helper))
            Path(folder, 'looping.py').write_text(
                'from dataclasses import dataclass\n'
                'from cyborg_models.kernel.language import Model\n'
                f'{head}\n\n'
                '@dataclass(frozen=True)\n'
                'class Settings:\n    """None."""\n\n\n'
                'def build(settings, defects=()):\n'
                "    m = Model('looping', defects)\n"
                "    m.var('count', range(3), start=0)\n\n"
                "    @m.action('a -> b: go')\n"
                '    def go(s):\n'
                '        """At any time."""\n'
                f'{textwrap.indent(body, " " * 8)}\n\n'
                "    @m.always('X-001')\n"
                '    def held(s):\n'
                '        """It holds."""\n'
                '        return s.count < 2\n'
                '    return m.ready()\n')
            done = subprocess.run(
                [sys.executable, '-c', 'import sys\n'
                 'from cyborg_models import cli, registry\n'
                 "registry.OTHERS['looping'] = 'looping'\n"
                 'sys.exit(cli.main(sys.argv[1:]))', 'check', 'looping'],
                cwd=folder, capture_output=True, text=True, check=False,
                env={**os.environ, 'PYTHONPATH': os.pathsep.join(
                    [folder, *filter(None, [os.environ.get(
                        'PYTHONPATH')])])})
            self.assertEqual(3, done.returncode, done.stderr)
            self.assertNotIn('Traceback', done.stderr)
            return done.stderr

    def test_check_says_where(self):
        self.assertRegex(
            self.told('---\nwhile True:\n    s.count = 1'),
            r'looping\.py:1[78]: go has run 100,000 lines and does not end')

    def test_a_helper_in_another_file(self):
        self.assertRegex(self.told(
            'import helper_of_it\n---\nhelper_of_it.WAYS[0](s)', '''\
            def wait(s):
                number = 0
                while s.count == 0:
                    number += 1


            WAYS = [wait]
            '''), r'helper_of_it\.py:[34]: go has run')

    def test_what_c_goes_over(self):
        for text, name, line in (
                ('import itertools\n---\ns.count = sum(itertools.count())',
                 'itertools.count', 18),
                ('from itertools import repeat\n---\ns.count = '
                 'len(list(repeat(1)))', 'repeat', 18),
                ('---\ns.count = sum(iter(int, 1))', 'iter', 17)):
            with self.subTest(name):
                self.assertIn(f'looping.py:{line}: go uses {name};',
                              self.told(text))


if __name__ == '__main__':
    unittest.main()
