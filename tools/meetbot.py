"""Reads the log of a meeting that MeetBot kept, and holds records to it.

``python -m tools.meetbot read LOG`` prints what the log says to MeetBot and
what was meant for it and missed, a line each::

    file:line: time nick kind text

``index LOG`` prints who spoke when and nothing else: that is kept in
``doc/decisions``, and serves where the log is not at hand.  ``check`` holds
the time stamps and speakers of all decisions and open questions against the
indexes, or with ``--log`` against the log itself.

Exit status: 0 no problem, 1 problems, 2 nothing that could be read.
"""

import argparse
import bisect
import collections
import contextlib
import datetime
import difflib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tools import specs
from tools.specs import Problem

FOLDER = specs.ROOT / 'doc' / 'decisions'
LARGEST = 16 * 2**20  # bytes of a log: a meeting of a day has a tenth
LONGEST = 8192  # bytes of a line: IRC allows 512
SHOWN = 20  # problems of one log; the rest is counted
HEAD = ('# Times (UTC) and nicks of a meeting; made by '
        '"python -m tools.meetbot index".')

#: command -> what it is called here; MeetBot takes capitals for small letters
COMMANDS = {
    'startmeeting': 'start', 'endmeeting': 'end', 'topic': 'topic',
    'agreed': 'agreed', 'agree': 'agreed', 'accepted': 'agreed',
    'accept': 'agreed', 'rejected': 'rejected', 'reject': 'rejected',
    'action': 'action', 'info': 'info', 'link': 'link', 'idea': 'idea',
    'help': 'help', 'halp': 'help', 'undo': 'undo', 'chair': 'chair',
    'unchair': 'chair', 'meetingname': 'name', 'meetingtopic': 'name',
    'startvote': 'vote', 'vote': 'vote', 'showvote': 'vote',
    'endvote': 'vote', 'nick': 'nick', 'save': 'save', 'lurk': 'lurk',
    'unlurk': 'lurk', 'restrictlogs': 'save', 'commands': 'help',
}
TEXTLESS = {'endmeeting', 'undo', 'endvote', 'showvote', 'save', 'lurk',
            'unlurk', 'agree', 'help', 'halp', 'restrictlogs', 'commands'}
#: MeetBot hears them of a chair alone; anybody may end a long meeting
OF_CHAIRS = {'topic', 'meetingtopic', 'agreed', 'agree', 'accepted', 'accept',
             'rejected', 'reject', 'undo', 'chair', 'unchair', 'startvote',
             'endvote', 'save', 'restrictlogs', 'lurk', 'unlurk'}
#: how a line begins that is a link without saying so
PROTOCOLS = ('http:', 'https:', 'irc:', 'ftp:', 'mailto:', 'ssh:')
NEAR = 'near-miss'

_LINE = re.compile(
    r'\[?(?:(?P<date>\d{4}-\d\d-\d\d)[T ])?'
    r'(?P<time>(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)(?:\.\d+)?'
    r'(?P<zone>Z|[+-]\d\d:?\d\d)?\]?\s+(?P<rest>\S.*)')
_SPEECH = re.compile(
    r'(?:<[ @+%&~]?(?P<a>[^\s<>]+)>|\* (?P<b>[^\s*<>]+)|'
    r'(?P<c>[^\s*<>:]+):)(?: (?P<text>.*))?')
_NOTICE = re.compile(r'(?:\*\*\*|-!-|-->|<--|==|-[^\s-]+-) ?(?P<text>.*)')
_RENAMED = re.compile(r'(\S+) (?:is|are) now known as (\S+?)\.?')
_STARTED = re.compile(
    r'Meeting started \w{3} (\w{3}) +(\d+) [\d:]+ (\d{4}) UTC')
_MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()
_COLOURS = re.compile('\x03\\d{0,2}(?:,\\d{1,2})?|[\x02\x0f\x16\x1d\x1f]')
_URL = re.compile(r'https?://[^\s<>"]+')


class Event(NamedTuple):
    """What one line says to MeetBot, or nearly; or a link in it."""

    line: int
    date: str
    time: str
    nick: str
    kind: str
    text: str


@dataclass
class Meeting:
    """Who spoke when, and what was said to MeetBot.

    :ivar said: date -> time -> nicks, in the order of the log
    :ivar names: nick -> the nick that it was before
    :ivar events: of a log; an index has none
    :ivar problems: list of :class:`~tools.specs.Problem`
    :ivar lines: how many lines were spoken
    """

    said: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    lines: int = 0

    def speak(self, date, time, nick):
        nicks = self.said.setdefault(date, {}).setdefault(time, [])
        if nick not in nicks:
            nicks.append(nick)

    def person(self, nick):
        """The first nick of whoever has this one."""
        seen = set()
        while nick in self.names and nick not in seen:
            seen.add(nick)
            nick = self.names[nick]
        return nick

    def at(self, date, time):
        """Who spoke at a time; one without seconds is a minute."""
        found = []
        for when, nicks in self.said.get(date, {}).items():
            if when == time or when.startswith(f'{time}:') and (
                    len(time) == 5):
                found += nicks
        return list(dict.fromkeys(found))

    @property
    def people(self):
        return {self.person(nick) for times in self.said.values()
                for nicks in times.values() for nick in nicks}


# --- a log -----------------------------------------------------------------

def read_log(path):
    """Read a log.

    :returns: a :class:`Meeting`; what is wrong with the log is among its
        problems
    :raises OSError: if it cannot be read
    """
    return _Reader(Path(path)).meeting


class _Reader:
    """One pass over a log, a line at a time."""

    def __init__(self, path):
        self.meeting = Meeting()
        self.more = self.number = self.day = 0
        self.first = self.before = self.bot = None
        self.running = self.started = self.ended = False
        self.rows, self.renames, self.chairs = [], [], set()
        if not path.is_file():
            raise OSError(None, 'it is no file')
        size = path.stat().st_size
        if size > LARGEST:
            self.wrong(f'the log has {size:,} bytes, and that of a meeting '
                       f'has at most {LARGEST:,}; cut the meeting out', 1)
            return
        with path.open('rb') as file:
            while data := file.readline(LONGEST + 1):
                self.number += 1
                if len(data) > LONGEST and not data.endswith(b'\n'):
                    self.wrong(f'a line of more than {LONGEST:,} bytes; cut '
                               'it, as no one spoke it')
                    while data and not data.endswith(b'\n'):
                        data = file.readline(LONGEST)
                    continue
                self.take(self.text(data))
        self.close(path)

    def wrong(self, message, line=None):
        if len(self.meeting.problems) < SHOWN:
            self.meeting.problems.append(Problem(line or self.number,
                                                 message))
        else:
            self.more += 1

    def text(self, data):
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            self.wrong(f'byte 0x{data[error.start]:02x} is not UTF-8; '
                       'convert the log (iconv -f latin1 -t utf-8)')
            text = data.decode(errors='replace')
        text = text.rstrip('\r\n')
        if self.number == 1:
            text = text.removeprefix('\ufeff')
        return plain(_COLOURS.sub('', text))

    def take(self, text):
        if not text.strip():
            return
        found = _LINE.fullmatch(text)
        if not found:
            self.wrong(f'{text[:40]!r} does not begin with a time; write '
                       'HH:MM:SS <NICK> TEXT, or delete the line')
            return
        if found['zone'] not in (None, 'Z', '+00:00', '+0000'):
            self.wrong(f'the time is in the zone {found["zone"]}; convert '
                       'the log to UTC')
        time = found['time'].zfill(5 if len(found['time']) < 6 else 8)
        self.clock(found['date'], time)
        speech = _SPEECH.fullmatch(found['rest'])
        notice = _NOTICE.fullmatch(found['rest'])
        if notice:
            renamed = _RENAMED.fullmatch(notice['text'])
            if renamed and renamed[1] != renamed[2]:
                self.renames.append((self.day, time, *renamed.groups()))
        elif speech:
            nick = speech['a'] or speech['b'] or speech['c']
            self.speech(time, nick, (speech['text'] or '').strip(),
                        bool(speech['b']))
        else:
            self.wrong('nobody speaks in this line; write HH:MM:SS <NICK> '
                       'TEXT, or delete it')

    def clock(self, date, time):
        """Keep the day: midnight may pass."""
        before, self.before = self.before, (date, time)
        if date:
            try:
                day = datetime.date.fromisoformat(date).toordinal()
            except ValueError:
                self.wrong(f'there is no day {date}; write YYYY-MM-DD')
                return
            self.first = self.first or day - self.day
            back = before is not None and (
                (day, time) < (self.first + self.day, before[1]))
            if not back:
                self.day = day - self.first
        else:
            back = before is not None and time < before[1]
            if back and _minutes(before[1]) - _minutes(time) > 12 * 60:
                self.day += 1
                back = False
        if back:
            self.wrong(f'the time goes back from {before[1]} to {time}; put '
                       'the lines in order')

    def speech(self, time, nick, text, deed):
        started = _STARTED.match(text)
        if started and started[1] in _MONTHS:
            self.bot = nick
            with contextlib.suppress(ValueError):
                day = datetime.date(
                    int(started[3]), _MONTHS.index(started[1]) + 1,
                    int(started[2])).toordinal()
                self.first = self.first or day - self.day
        if nick == self.bot:
            return
        command, said = ('', '') if deed else _said(text)
        if command == 'startmeeting':
            if self.running:
                self.wrong('a meeting begins, and one is running; put '
                           '#endmeeting before it')
            self.running = self.started = True
            self.chairs = {nick}
        running, chair = self.running, nick in self.chairs
        if chair and command == 'chair':
            self.chairs.update(re.split('[, ]+', said))
        elif chair and command == 'unchair':
            self.chairs.difference_update(said.split())
        if command == 'endmeeting':
            self.running, self.ended = False, True
        self.rows.append((self.number, self.day, time, nick, text, deed,
                          running, chair))

    def close(self, path):
        meeting = self.meeting
        if not self.number:
            self.wrong('the log is empty; get it anew', 1)
            return
        if self.first is None:
            named = re.match(r'\d{4}-\d\d-\d\d', path.name)
            with contextlib.suppress(ValueError):
                self.first = named and datetime.date.fromisoformat(
                    named[0]).toordinal()
        if self.first is None:
            self.wrong('nothing says which day it was; begin the name of '
                       'the file with it, as YYYY-MM-DD', 1)
            self.first = 1
        if not self.started:
            self.wrong('there is no #startmeeting; get the whole log', 1)
        elif self.running:
            self.wrong('the log ends before #endmeeting; get the whole log')
        for _, _, old, new in self.renames:
            if meeting.person(old) != new:
                meeting.names[new] = old
        nicks = {row[3] for row in self.rows} | {*meeting.names}
        for number, day, time, nick, text, deed, running, chair in (
                self.rows):
            date = self.date(day)
            meeting.lines += running
            if running:
                meeting.speak(date, time, nick)
            for kind, said in _events(text, deed, running, chair, nicks):
                meeting.events.append(Event(number, date, time, nick, kind,
                                            said))
        if self.more:
            meeting.problems.append(Problem(self.number, (
                f'{self.more:,} more problems are not shown; mend these '
                'first')))

    def date(self, day):
        try:
            return str(datetime.date.fromordinal(self.first + day))
        except (ValueError, OverflowError):
            return '0001-01-01'


def _minutes(time):
    hours, minutes = time.split(':')[:2]
    return 60 * int(hours) + int(minutes)


def plain(text):
    """Text that is safe to print: nothing in it moves the cursor."""
    return specs.INVISIBLE.sub(
        lambda found: found[0].encode('unicode_escape').decode(),
        text.replace('\t', ' '))


def _said(text):
    """The command of a line as MeetBot reads it, and what is behind it."""
    found = re.match(r'#(\w+)[ \t]*(.*)', text)
    return (found[1].lower(), found[2].strip()) if found else ('', '')


def _events(text, deed, running, chair, nicks):
    """(kind, text) of what a line says to MeetBot, or nearly."""
    linked = set()
    if text.startswith('#') and not deed:
        kind, said = _command(text, running, chair, nicks)
        if kind:
            yield kind, said
        linked = set(_URL.findall(said)) if kind == 'link' else linked
    elif running and not deed and text.split('//')[0] in PROTOCOLS:
        yield 'link', text
        linked = set(_URL.findall(text))
    other = re.match(r'[!/\uff03](\w+)', text)
    if other and other[1].lower() in COMMANDS:
        yield NEAR, f'{text[:60]}: write #{other[1].lower()}'
    for found in re.finditer(r'(?<=\s)#(\w+)', text):
        if found[1].lower() in COMMANDS:
            yield NEAR, (f'{found[0]} within a line: a command counts at '
                         'its start alone')
    for found in _URL.findall(text):
        if found not in linked:
            yield 'url', found.rstrip('.,;:!?)')


def _command(text, running, chair, nicks):
    """What a line that begins with # is."""
    word, said = _said(text)
    bare, shown = text[1:].partition(' ')[0], text[:60]
    if word in COMMANDS:
        if not running:
            return NEAR, f'{shown}: no meeting is running'
        if word in OF_CHAIRS and not chair:
            return NEAR, (f'{shown}: MeetBot hears it of a chair alone; let '
                          'one say it, or #chair who does')
        if not said and word not in TEXTLESS:
            return NEAR, f'{shown}: it says nothing; write text behind it'
        return COMMANDS[word], said
    if not bare:
        first = text[1:].split()[:1]
        return (NEAR, f'{shown}: take the space behind # out') if (
            first and first[0].lower() in COMMANDS) else (None, '')
    if bare in nicks:
        return NEAR, f'{shown}: a nick is no command; write #info {bare}'
    glued = re.match(rf'link(?=http)|(?:{"|".join(COMMANDS)})(?![a-z])', bare)
    if glued:
        return NEAR, f'{shown}: put a space behind #{glued[0]}'
    near = difflib.get_close_matches(bare.lower(), COMMANDS, n=1,
                                     cutoff=0.7)
    if near:
        return NEAR, f'{shown}: did you mean #{near[0]}?'
    if bare.isdigit():
        return None, ''  # the number of a bug or a change
    return NEAR, f'{shown}: MeetBot has no such command'


# --- an index --------------------------------------------------------------

def index_text(meeting):
    """The index of a meeting: one text for one log."""
    rows = [HEAD]
    for date, times in sorted(meeting.said.items()):
        rows.append(date)
        rows += [f'{time} {nick}' for time, nicks in times.items()
                 for nick in nicks]
    rows += [f'{old} > {new}' for new, old in sorted(meeting.names.items())]
    return '\n'.join(rows) + '\n'


def read_index(path):
    """Read an index; a :class:`Meeting` without events.

    :raises OSError: if it cannot be read
    """
    meeting, date = Meeting(), None
    text, meeting.problems = specs.decode(Path(path).read_bytes())
    for number, line in enumerate(text.split('\n'), 1):
        said = re.fullmatch(r'(\d\d:\d\d(?::\d\d)?) (\S+)', line)
        renamed = re.fullmatch(r'(\S+) > (\S+)', line)
        if re.fullmatch(r'\d{4}-\d\d-\d\d', line):
            date = line
        elif said and date:
            meeting.speak(date, *said.groups())
            meeting.lines += 1
        elif renamed:
            meeting.names[renamed[2]] = renamed[1]
        elif line and line[0] != '#':
            meeting.problems.append(Problem(number, (
                f'{line[:40]!r} is neither a day nor a time and a nick; '
                'make the index anew')))
    if not meeting.lines:
        meeting.problems.append(Problem(1, 'the index has no line; make it '
                                           'anew'))
    return meeting


def read_indexes(folder=None):
    """All indexes as one.

    :returns: (:class:`Meeting`, list of (path, problem))
    """
    together, problems = Meeting(), []
    for path in sorted((folder or FOLDER).glob('*.index')):
        one = read_index(path)
        problems += [(path, problem) for problem in one.problems]
        together.lines += one.lines
        for date, times in one.said.items():  # a day may have two meetings
            for time, nicks in times.items():
                for nick in nicks:
                    together.speak(date, time, nick)
        together.names.update(one.names)
    return together, problems


# --- records ---------------------------------------------------------------

class Stamp(NamedTuple):
    """A time in a ``:log:``, and who spoke then, where it is said."""

    date: str
    time: str
    nick: str


def stamps(log):
    """The stamps of a ``:log:``, or None if it is not of the form."""
    stamp = r'\d\d:\d\d(?::\d\d)?(?: [^\s,]+)?'
    found = re.fullmatch(rf'(\d{{4}}-\d\d-\d\d) ({stamp}(?:, {stamp})*)',
                         log)
    if not found:
        return None
    return [Stamp(found[1], *f'{one} '.split(' ')[:2])
            for one in found[2].split(', ')]


def logs(spec):
    """The (directive, line, log) of each decision and question of a page
    that has a ``:log:``, or should.

    :param spec: a :class:`~tools.specs.Spec`
    """
    found = []
    for name in ('decision', 'question'):
        if any(f'.. {name}::' in line for line in spec.lines):
            found += [
                (name, line, options.get('log', '')) for line, _, options, _
                in specs.directives(spec, name)
                if name == 'decision' or 'log' in options]
    return found


def check_logs(found, known):
    """Whoever is said to have spoken at a time did.

    :param found: as :func:`logs` gives it
    :param known: a :class:`Meeting`: who spoke when
    :returns: (how many stamps, list of :class:`~tools.specs.Problem`)
    """
    count, problems = 0, []
    for name, line, log in found:
        made = stamps(log)
        if name == 'decision' and not all(
                stamp.nick for stamp in made or [Stamp('', '', '')]):
            problems.append(Problem(line, (
                f'the :log: {log!r} is not of the form YYYY-MM-DD HH:MM:SS '
                'NICK, HH:MM:SS NICK; say who spoke when')))
        elif made:  # a question may give the day alone
            count += len(made)
            problems += [Problem(line, wrong) for wrong in dict.fromkeys(
                filter(None, (_wrong(stamp, known) for stamp in made)))]
    return count, problems


def _wrong(stamp, known):
    date, time, nick = stamp
    if date not in known.said:
        return (f'no meeting of {date} is known; make its index '
                '(python -m tools.meetbot index LOG), or mend the day')
    spoke = known.at(date, time)
    if not spoke:
        times = sorted(known.said[date])
        place = bisect.bisect(times, time)
        near = ' and '.join(times[max(place - 1, 0):place + 1])
        return (f'nobody spoke at {time} on {date}; the nearest lines are '
                f'of {near}')
    if nick and known.person(nick) not in map(known.person, spoke):
        return (f'{nick} did not speak at {time} on {date}, but '
                f'{" and ".join(spoke)} did; mend the nick or the time')
    return None


def pages(root=specs.ROOT):
    """The files that may have a ``:log:``."""
    page = root / 'doc' / 'source' / 'decisions.rst'
    return [*([page] if page.is_file() else []), *specs.spec_files(root)]


# --- the commands ----------------------------------------------------------

def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog='meetbot', description='Read a log that MeetBot kept, and hold '
        'decisions and open questions to it.')
    commands = parser.add_subparsers(dest='command', required=True)
    made = commands.add_parser('read', help='what the log says to MeetBot')
    made.add_argument('log', metavar='LOG', type=Path)
    made.add_argument('--json', action='store_true', help='as JSON')
    made = commands.add_parser('index', help='who spoke when')
    made.add_argument('log', metavar='LOG', type=Path)
    made = commands.add_parser('check', help='the time stamps of decisions '
                                             'and questions')
    made.add_argument('--log', metavar='LOG', type=Path,
                      help='against this log, and not the index')
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
    try:
        code = {'read': _read, 'index': _index, 'check': _check}[
            options.command](options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _open(path):
    """A log; what is wrong with it is said."""
    try:
        meeting = read_log(path)
    except (OSError, ValueError) as error:
        why = getattr(error, 'strerror', None) or error
        _say(path, Problem(1, f'cannot be read: {why}; check the name'))
        return None
    for problem in meeting.problems:
        _say(path, problem)
    if not meeting.lines:
        _say(path, Problem(1, 'nobody speaks in a meeting; give a log of '
                              'one'))
        return None
    return meeting


def _say(path, problem, stream=None):
    print(f'{plain(_short(path))}:{problem.line}: {problem.message}',
          file=stream or sys.stderr)


def _short(path):
    with contextlib.suppress(ValueError):
        return str(Path(path).resolve().relative_to(Path.cwd()))
    return str(path)


def _read(options):
    meeting = _open(options.log)
    if meeting is None:
        return 2
    if options.json:
        print(json.dumps({
            'lines': meeting.lines, 'people': sorted(meeting.people),
            'events': [event._asdict() for event in meeting.events],
            'problems': [problem._asdict() for problem in meeting.problems],
        }, ensure_ascii=False, indent=1))
        return 1 if meeting.problems else 0
    for event in meeting.events:
        print(f'{plain(_short(options.log))}:{event.line}: {event.time} '
              f'{event.nick} {event.kind} {event.text}'.rstrip())
    counts = collections.Counter(event.kind for event in meeting.events)
    print(f'{meeting.lines:,} lines of {len(meeting.people):,} people; '
          + ', '.join(f'{kind}: {count:,}' for kind, count
                      in sorted(counts.items())), file=sys.stderr)
    return 1 if meeting.problems else 0


def _index(options):
    meeting = _open(options.log)
    if meeting is None:
        return 2
    if not meeting.problems:
        print(index_text(meeting), end='')
    return 1 if meeting.problems else 0


def _check(options):
    known, problems = read_indexes()
    if options.log:
        known, problems = _open(options.log), []
        if known is None:
            return 2
        problems = _stale(known)
    count, paths = 0, pages()
    for path in paths:
        more, found = check_logs(logs(specs.read(path)), known)
        count += more
        problems += [(path, problem) for problem in found]
    for path, problem in problems:
        _say(path, problem, sys.stdout)
    print(f'{count:,} time stamps in {len(paths)} files checked, '
          f'{len(problems)} problem{"s" * (len(problems) != 1)}',
          file=sys.stderr)
    if not count:
        return 2
    return 1 if problems or known.problems else 0


def _stale(meeting):
    """The indexes that are not those of a log."""
    paths = {FOLDER / f'{date}.index' for date in meeting.said}
    return [(path, Problem(1, 'the index is not that of the log; make it '
                              'anew (python -m tools.meetbot index LOG)'))
            for path in sorted(paths) if path.is_file()
            and path.read_text(encoding='utf-8') != index_text(meeting)]


if __name__ == '__main__':
    sys.exit(main())
