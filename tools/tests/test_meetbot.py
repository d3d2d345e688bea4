"""The reader of logs: what it finds, and what it says of a bad log.

All logs here are written for the purpose.
"""

import contextlib
import io
import json
import re
import unittest
from pathlib import Path
from unittest import mock

from tools import meetbot, specs
from tools.tests import support

LOG = """\
09:00:01 <ann> #startmeeting pottery
09:00:02 <clerk> Meeting started Tue Mar  3 09:00:01 2020 UTC.  The chair is \
ann. Information about MeetBot at http://bot.example/.
09:00:02 <clerk> Useful Commands: #action #agreed #topic.
09:01:00 <ann> #topic Kilns
09:01:00 <bob> #bob
09:01:30 * cid waves at all
09:02:00 <bob> see #link https://kiln.example/a, and (https://kiln.example/b)
09:03:00 <ann> #agreed two kilns
09:04:00 <ann> #action bob buys one
09:04:10 <bob> #info it is red
09:04:20 <bob> #link https://kiln.example/c
09:05:00 *** bob is now known as bob_away
09:05:30 <bob_away> back soon
09:06:00 <ann> #endmeeting
"""

# a line of a meeting -> (kind, part of the text), or None for nothing
LINES = {
    '#topic Glaze': ('topic', 'Glaze'),
    '#agree yes': ('agreed', 'yes'),
    '#idea paint it': ('idea', 'paint it'),
    '#undo': ('undo', ''),
    '#topc Glaze': ('near-miss', 'did you mean #topic?'),
    '#agred yes': ('near-miss', 'did you mean #agreed?'),
    '#Topic Glaze': ('topic', 'Glaze'),
    '##topic Glaze': ('near-miss', 'did you mean #topic?'),
    '!topic Glaze': ('near-miss', 'write #topic'),
    '\uff03topic Glaze': ('near-miss', 'write #topic'),
    '#topic': ('near-miss', 'it says nothing'),
    '#topicGlaze': ('near-miss', 'put a space behind #topic'),
    '#info2 red': ('near-miss', 'put a space behind #info'),
    '#info: red': ('info', ': red'),
    '#linkhttps:': ('near-miss', 'put a space behind #link'),
    'https://x.example/ is it': ('link', 'https://x.example/ is it'),
    '# topic Glaze': ('near-miss', 'take the space behind # out'),
    '#bob': ('near-miss', 'a nick is no command; write #info bob'),
    '#bob_away': ('near-miss', 'a nick is no command'),
    '#pots': ('near-miss', 'no such command'),
    'bob: #action buy clay': ('near-miss', '#action within a line'),
    'and #LINK there': ('near-miss', '#LINK within a line'),
    '#1234567': None,
    '# of pots: 3': None,
    'the tag #pots': None,
    'see https://x.example/#topic now': ('url', 'https://x.example/#topic'),
    'nothing at all': None,
}

# what replaces a line of LOG -> (line, part of the message)
BROKEN = {
    'not UTF-8': (b'two kilns', b'two k\xedlns', 8, 'byte 0xed is not UTF-8'),
    'no time': (b'09:03:00 <ann>', b'<ann>', 8, 'not begin with a time'),
    'no such time': (b'09:03:00', b'24:03:00', 8, 'not begin with a time'),
    'nobody': (b'09:03:00 <ann> #agreed', b'09:03:00 And', 8,
               'nobody speaks in this line'),
    'the clock goes back': (b'09:03:00', b'09:01:29', 8,
                            'the time goes back from 09:02:00 to 09:01:29'),
    'another zone': (b'09:03:00 ', b'2020-03-03T09:03:00+02:00 ', 8,
                     'the time is in the zone +02:00'),
    'no such day': (b'09:03:00 ', b'2020-02-30T09:03:00 ', 8,
                    'there is no day 2020-02-30'),
    'no start': (b'#startmeeting', b'startmeeting', 1,
                 'there is no #startmeeting'),
    'two starts': (b'#agreed two kilns', b'#startmeeting again', 8,
                   'a meeting begins, and one is running'),
    'cut off': (b'#endmeeting\n', b'#endm', 14, 'ends before #endmeeting'),
    'no day': (b'Meeting started', b'Meeting begins', 1,
               'nothing says which day it was'),
    'endless line': (b'two kilns', b'kiln ' * 2000, 8,
                     'a line of more than 8,192 bytes'),
    'binary': (b'two kilns', bytes(range(128, 160)), 8, 'is not UTF-8'),
}


def run(*arguments):
    """Call the program; (status, standard output, standard error)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = meetbot.main([str(one) for one in arguments])
    return code, out.getvalue(), err.getvalue()


class LogCase(support.TempCase):
    def log(self, text=LOG, name='pottery.log'):
        return support.write(self.folder / name, text)

    def read(self, text=LOG, name='pottery.log'):
        return meetbot.read_log(self.log(text, name))

    def within(self, line):
        """The events of LOG with one more line, that of this line."""
        meeting = self.read(LOG.replace(
            '09:03:00 <ann>', f'09:02:30 <ann> {line}\n09:03:00 <ann>'))
        self.assertEqual([], meeting.problems, line)
        return [(event.kind, event.text) for event in meeting.events
                if event.line == 8]


class TestRead(LogCase):
    """What stands in a good log."""

    def test_commands_links_and_near_misses_have_their_lines(self):
        found = [(event.line, event.time, event.nick, event.kind)
                 for event in self.read().events]
        self.assertEqual([
            (1, '09:00:01', 'ann', 'start'), (4, '09:01:00', 'ann', 'topic'),
            (5, '09:01:00', 'bob', 'near-miss'),
            (7, '09:02:00', 'bob', 'near-miss'),
            (7, '09:02:00', 'bob', 'url'), (7, '09:02:00', 'bob', 'url'),
            (8, '09:03:00', 'ann', 'agreed'),
            (9, '09:04:00', 'ann', 'action'),
            (10, '09:04:10', 'bob', 'info'), (11, '09:04:20', 'bob', 'link'),
            (14, '09:06:00', 'ann', 'end')], found)

    def test_links_lose_what_ends_the_sentence(self):
        self.assertEqual(
            ['https://kiln.example/a', 'https://kiln.example/b'],
            [event.text for event in self.read().events
             if event.kind == 'url'])

    def test_each_kind_of_line(self):
        for line, wanted in LINES.items():
            with self.subTest(line):
                found = self.within(line)
                if wanted is None:
                    self.assertEqual([], found)
                else:
                    (kind, text), = found
                    self.assertEqual(wanted[0], kind)
                    self.assertIn(wanted[1], text)
        self.assertGreaterEqual(len(LINES), 20)

    def test_what_a_chair_alone_may_say(self):
        said = '''\
09:05:40 <bob> #agreed a third kiln
09:05:41 <cid> #info anybody may say it
09:05:42 <bob> #chair bob
09:05:43 <ann> #chair bob, cid
09:05:44 <bob> #agreed a third kiln
09:05:45 <bob> #unchair cid
09:05:46 <cid> #topic Clay
'''
        meeting = self.read(LOG.replace('09:06:00', f'{said}09:06:00'))
        self.assertEqual([], meeting.problems)
        self.assertEqual(
            ['near-miss', 'info', 'near-miss', 'chair', 'agreed', 'chair',
             'near-miss'], [event.kind for event in meeting.events
                            if event.time.startswith('09:05:4')])
        for event in meeting.events:
            if event.kind == 'near-miss' and event.time > '09:05':
                self.assertIn('hears it of a chair alone; let', event.text)

    def test_what_one_does_is_no_command(self):
        meeting = self.read(LOG.replace('waves at all', '#topic x'))
        self.assertEqual([], [event for event in meeting.events
                              if event.line == 6])

    def test_a_command_after_the_end_is_a_near_miss(self):
        event = self.read(LOG + '09:07:00 <bob> #action x\n').events[-1]
        self.assertIn('no meeting is running', event.text)

    def test_the_bot_does_not_speak(self):
        meeting = self.read()
        self.assertEqual({'ann', 'bob', 'cid'}, meeting.people)
        self.assertNotIn('09:00:02', meeting.said['2020-03-03'])
        self.assertEqual(11, meeting.lines)

    def test_who_speaks_in_the_same_second(self):
        meeting = self.read()
        self.assertEqual(['ann', 'bob'], meeting.at('2020-03-03', '09:01:00'))
        self.assertEqual(['ann', 'bob', 'cid'],
                         meeting.at('2020-03-03', '09:01'))

    def test_a_change_of_nick_is_no_change_of_person(self):
        meeting = self.read()
        self.assertEqual('bob', meeting.person('bob_away'))
        again = LOG.replace('09:05:30', '09:05:10 *** bob_away is now known '
                            'as bob\n09:05:30').replace(
                                '<bob_away> back', '<bob> back')
        self.assertEqual({'ann', 'bob', 'cid'}, self.read(again).people)

    def test_other_forms_say_the_same(self):
        wanted = self.read()
        day = '2020-03-03'
        for form in (
                re.sub('(?m)^09', f'{day}T09', LOG),
                re.sub('(?m)^09', f'{day} 09', LOG),
                re.sub('(?m)^09(.{6})', f'{day}T09\\1.125+00:00', LOG),
                '\n'.join(f'[{line[:8]}]{line[8:]}' if line else ''
                          for line in LOG.split('\n')),
                LOG.replace('> ', '>  ').replace('<', '<@'),
                LOG.replace('***', '-!-'), re.sub('(?m)^0', '', LOG),
                LOG.replace('\n', '\r\n'), '\ufeff' + LOG,
                LOG.replace(' <ann> ', ' <ann> \x0304,01\x02'),
                LOG.replace('<', '').replace('> ', ': ')):
            with self.subTest(form[:60]):
                meeting = self.read(form)
                self.assertEqual([], meeting.problems)
                self.assertEqual(
                    [event[:5] for event in wanted.events],
                    [event[:5] for event in meeting.events])
                self.assertEqual(wanted.said, meeting.said)

    def test_midnight_may_pass(self):
        meeting = self.read(LOG.replace('09:06:00', '00:01:00').replace(
            '09:0', '23:0'))
        self.assertEqual([], meeting.problems)
        self.assertEqual(['ann'], meeting.at('2020-03-04', '00:01:00'))
        self.assertEqual('2020-03-04', meeting.events[-1].date)

    def test_midnight_may_pass_in_a_log_with_days(self):
        meeting = self.read(LOG.replace('09:06:00', '2020-03-04 00:01:00')
                            .replace('09:0', '2020-03-03 23:0'))
        self.assertEqual([], meeting.problems)
        self.assertEqual(['ann'], meeting.at('2020-03-04', '00:01:00'))

    def test_the_day_may_stand_in_the_name(self):
        meeting = self.read(LOG.replace('Meeting started', 'Begun'),
                            '2019-12-31-pottery.log')
        self.assertEqual([], meeting.problems)
        self.assertIn('2019-12-31', meeting.said)

    def test_a_log_may_end_without_a_line_end(self):
        self.assertEqual([], self.read(LOG.rstrip('\n')).problems)


class TestHostile(LogCase):
    """What is wrong with a log is said in one line, with the mend."""

    def test_each_is_said_once_at_its_line(self):
        for name, (old, new, line, says) in BROKEN.items():
            with self.subTest(name):
                data = LOG.encode()
                self.assertEqual(1, data.count(old), old)
                problem, = self.read(data.replace(old, new)).problems
                self.assertEqual(line, problem.line)
                self.assertIn(says, problem.message)
                self.assertRegex(problem.message, '; .')
                self.assertNotIn('\n', problem.message)

    def test_a_huge_one_is_not_read(self):
        path = self.log()
        with path.open('r+b') as file:
            file.truncate(100 * 2**20)
        code, out, err = run('read', path)
        self.assertEqual((2, ''), (code, out))
        self.assertIn(':1: the log has 104,857,600 bytes', err)

    def test_a_line_without_end_is_passed_over(self):
        meeting = self.read(b'x' * 1_000_000 + b'\n' + LOG.encode())
        self.assertEqual([1], [one.line for one in meeting.problems])
        self.assertEqual(11, meeting.lines)

    def test_many_problems_are_counted(self):
        meeting = self.read(LOG + '?\n' * 1000)
        self.assertEqual(meetbot.SHOWN + 1, len(meeting.problems))
        self.assertIn('980 more problems', meeting.problems[-1].message)

    def test_no_file_no_traceback(self):
        for path in (self.folder / 'none.log', self.folder,
                     self.log('', 'empty.log'), self.log('\n\n', 'blank.log'),
                     self.log(b'\0' * 5000, 'null.log')):
            with self.subTest(path.name):
                code, out, err = run('read', path)
                self.assertEqual((2, ''), (code, out))
                self.assertRegex(err, r':\d+: .+; .+')
                self.assertNotIn('Traceback', err)

    def test_nothing_moves_the_cursor(self):
        path = self.log(LOG.replace('two kilns', 'two \x1b[2Jkilns\x07'))
        _, out, err = run('read', path)
        self.assertIn(r'two \x1b[2Jkilns\x07', out)
        self.assertNotIn('\x1b', out + err)

    def test_any_bytes_at_all(self):
        for seed in range(200):
            data = bytearray(LOG.encode())
            for step in range(1, 9):
                data[(seed * 7919 * step) % len(data)] = (seed * step) % 256
            meeting = self.read(bytes(data))
            meetbot.index_text(meeting)


class TestProgram(LogCase):
    def test_read_prints_line_addresses(self):
        path = self.log()
        code, out, err = run('read', path)
        self.assertEqual(0, code)
        self.assertIn(f'{path}:8: 09:03:00 ann agreed two kilns\n', out)
        self.assertIn('11 lines of 3 people; action: 1, agreed: 1', err)
        self.assertEqual(11, out.count('\n'))

    def test_read_as_json(self):
        code, out, _ = run('read', '--json', self.log(
            LOG.replace('#endmeeting', 'bye')))
        self.assertEqual(1, code)
        made = json.loads(out)
        self.assertEqual(['ann', 'bob', 'cid'], made['people'])
        self.assertEqual({'line': 4, 'date': '2020-03-03',
                          'time': '09:01:00', 'nick': 'ann',
                          'kind': 'topic', 'text': 'Kilns'},
                         made['events'][1])
        self.assertEqual([14], [one['line'] for one in made['problems']])

    def test_index_has_times_and_nicks_alone(self):
        code, out, _ = run('index', self.log())
        self.assertEqual(0, code)
        self.assertEqual([
            '2020-03-03', '09:00:01 ann', '09:01:00 ann', '09:01:00 bob',
            '09:01:30 cid', '09:02:00 bob', '09:03:00 ann', '09:04:00 ann',
            '09:04:10 bob', '09:04:20 bob', '09:05:30 bob_away',
            '09:06:00 ann', 'bob > bob_away'], out.split('\n')[1:-1])
        self.assertEqual(out, run('index', self.log())[1])

    def test_a_bad_log_gives_no_index(self):
        code, out, err = run('index', self.log(LOG.replace('24', '')[:-12]))
        self.assertEqual((1, ''), (code, out))
        self.assertIn('ends before #endmeeting', err)

    def test_an_index_says_what_its_log_says(self):
        meeting = self.read()
        path = support.write(self.folder / 'x.index',
                             meetbot.index_text(meeting))
        again = meetbot.read_index(path)
        self.assertEqual(([], meeting.said, meeting.names),
                         (again.problems, again.said, again.names))

    def test_two_indexes_of_one_day(self):
        for name, time in (('a', '09:00:01'), ('b', '14:00:00')):
            support.write(self.folder / f'{name}.index',
                          f'2020-03-03\n{time} ann\n')
        meeting, problems = meetbot.read_indexes(self.folder)
        self.assertEqual([], problems)
        self.assertEqual(2, meeting.lines)
        self.assertEqual(['ann'], meeting.at('2020-03-03', '09:00:01'))
        self.assertEqual(['ann'], meeting.at('2020-03-03', '14:00:00'))

    def test_a_bad_index(self):
        for text, line, says in (
                ('2020-03-03\n09:00:01 ann\nhello\n', 3, "'hello' is neither"),
                ('09:00:01 ann\n', 1, "'09:00:01 ann' is neither"),
                ('2020-03-03\n', 1, 'the index has no line')):
            with self.subTest(text):
                made = meetbot.read_index(support.write(
                    self.folder / 'x.index', text))
                self.assertEqual(line, made.problems[0].line)
                self.assertIn(says, made.problems[0].message)


PAGE = """\
.. decision:: Two kilns?
   :id: DEC-001
   :log: {}

   Yes.

.. question:: Which?
   :id: KILN-Q01
   :log: {}

   Red.
"""
# log of the decision, log of the question -> part of the message, or None
LOGS = {
    ('2020-03-03 09:01:00 ann, 09:01:00 bob', '2020-03-03 09:04'): None,
    ('2020-03-03 09:05:30 bob', '2020-03-03'): None,  # he was renamed
    ('2020-03-03 09:04:10 bob_away', '2020-03-03'): None,
    ('2020-03-03 09:03:01 ann', '2020-03-03'):
        'nobody spoke at 09:03:01 on 2020-03-03; the nearest lines are of '
        '09:03:00 and 09:04:00',
    ('2020-03-03 09:03:00 bob', '2020-03-03'):
        'bob did not speak at 09:03:00 on 2020-03-03, but ann did; mend',
    ('2020-03-03 09:03:00 eve', '2020-03-03'): 'eve did not speak',
    ('2020-03-03 09:01:00 cid', '2020-03-03'): 'but ann and bob did',
    ('2020-03-04 09:03:00 ann', '2020-03-03'):
        'no meeting of 2020-03-04 is known; make its index',
    ('2020-03-03 09:03:00', '2020-03-03'): 'say who spoke when',
    ('3 March, ann', '2020-03-03'): "the :log: '3 March, ann' is not of",
    ('2020-03-03 09:03:00 ann', '2020-03-03 09:10'):
        'nobody spoke at 09:10 on 2020-03-03; the nearest lines are of '
        '09:06:00',
}


class TestCheck(LogCase):
    """Time stamps and speakers against a log or an index."""

    def setUp(self):
        super().setUp()
        self.index = support.write(
            self.folder / 'doc/decisions/2020-03-03.index',
            meetbot.index_text(self.read()))
        self.page = self.folder / 'doc/source/decisions.rst'
        for name, value in (('FOLDER', self.index.parent),
                            ('pages', lambda: [self.page])):
            patch = mock.patch.object(meetbot, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def test_each_log(self):
        for logs, says in LOGS.items():
            for against in ((), ('--log', self.log())):
                with self.subTest(logs, against=against):
                    support.write(self.page, PAGE.format(*logs))
                    code, out, err = run('check', *against)
                    if says is None:
                        self.assertEqual((0, ''), (code, out))
                        self.assertRegex(err, '[1-9] time stamps in 1 file')
                    else:
                        self.assertEqual(1, out.count('\n'), out)
                        self.assertIn(says, out)
                        self.assertRegex(out, r'decisions\.rst:[17]: ')
                        self.assertGreater(code, 0)

    def test_nothing_checked_is_an_error(self):
        support.write(self.page, 'None.\n')
        self.assertEqual(2, run('check')[0])

    def test_an_index_that_is_not_the_log_s(self):
        support.write(self.page, PAGE.format(*next(iter(LOGS))))
        support.edit(self.index, '09:04:00 ann\n', '')
        code, out, _ = run('check', '--log', self.log())
        self.assertEqual(1, code)
        self.assertIn('2020-03-03.index:1: the index is not that of the log',
                      out)

    def test_a_log_that_is_not_there(self):
        code, _, err = run('check', '--log', self.folder / 'none.log')
        self.assertEqual(2, code)
        self.assertIn('check the name', err)


class TestRepository(unittest.TestCase):
    """What we publish."""

    def test_every_time_stamp_is_in_an_index(self):
        code, out, err = run('check')
        self.assertEqual((0, ''), (code, out), err)
        self.assertGreaterEqual(int(err.split()[0]), 200)

    def test_an_index_has_times_and_nicks_alone(self):
        paths = sorted(meetbot.FOLDER.glob('*'))
        self.assertGreaterEqual(len(paths), 1)
        for path in paths:
            meeting = meetbot.read_index(path)
            self.assertEqual([], meeting.problems)
            self.assertEqual(path.read_text(encoding='utf-8'),
                             meetbot.index_text(meeting))

    def test_pages(self):
        root = Path(specs.ROOT)
        self.assertEqual([root / 'doc/source/decisions.rst',
                          *specs.spec_files()], meetbot.pages())


if __name__ == '__main__':
    unittest.main()
