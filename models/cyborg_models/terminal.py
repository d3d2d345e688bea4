"""What the commands print: lines, tables and progress, in colour.

Rich is imported only when something is printed.  Where the output is no
terminal there is no colour, no progress, and a width of 80 columns unless
``COLUMNS`` says another.
"""

import contextlib
import itertools
import os
import re
import sys
import textwrap
import time

STYLES = {'holds': 'green', 'witnessed': 'green', 'as expected': 'green',
          'violated': 'bold red', 'not witnessed': 'bold red',
          'differs': 'bold red', 'inconclusive': 'yellow'}
NARROW = 24  # columns that a text needs, to stand beside its name
_NUMBER = re.compile(r' (?=\d+$)')  # which stays with its word
_CONTROL = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]')


def plain(text):
    """A text in which each control character is shown, and does nothing."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class Terminal:
    """Standard output, for people."""

    def __init__(self):
        from rich.console import Console

        class Output(Console):
            def on_broken_pipe(self):
                # Rich would exit with 1.  The reader has seen enough, and
                # what comes out is told by the exit status all the same.
                self.quiet = True
                os.dup2(os.open(os.devnull, os.O_WRONLY),
                        sys.stdout.fileno())

        self.console = Output(highlight=False, markup=False, emoji=False)
        self.width = max(40, self.console.width)

    def can(self, text):
        """True if the output has characters for all of *text*."""
        try:
            text.encode(self.console.encoding)
        except (LookupError, UnicodeError):
            return False
        return True

    def line(self, text='', style=None):
        """Print a line, broken where it is too long."""
        indent = text[:len(text) - len(text.lstrip())]
        for part in textwrap.wrap(
                text, self.width, subsequent_indent=indent,
                break_on_hyphens=False, drop_whitespace=True) or ['']:
            self.put(part, style)

    def put(self, text='', style=None):
        """Print a line as it is, but for control characters."""
        if isinstance(text, str):
            text = plain(text)
        self.console.print(text, style=style, no_wrap=True, crop=False,
                           overflow='ignore')

    def pairs(self, rows, indent=2):
        """Print (name, text) rows; the texts begin in one column, or below
        their names where that column would be narrow.
        """
        rows = [(str(name), str(text)) for name, text in rows]
        start = indent + 2 + min(max((len(name) for name, _ in rows),
                                     default=0), self.width // 2)
        longest = max((len(text) for _, text in rows), default=0)
        below = self.width - start < min(longest, NARROW)
        if below:
            start = indent + 2
        for name, text in rows:
            first = ' ' * indent + name
            wrapped = textwrap.wrap(text, max(16, self.width - start),
                                    break_on_hyphens=False) or ['']
            if below or len(first) + 2 > start:
                self.put(first)
            else:
                wrapped[0] = f'{first:<{start}}{wrapped[0]}'.lstrip()
                self.put((' ' * indent + wrapped.pop(0)).rstrip())
            for part in wrapped:
                self.put((' ' * start + part).rstrip())

    def messages(self, lines):
        """Print the lines of a run, with numbers, actors and values set
        apart.
        """
        from rich.text import Text

        for line in lines:
            text = Text(line)
            text.highlight_regex(r'^ *\d+\.', 'dim')
            for match in _actors(line):
                text.stylize('bold cyan', *match)
            text.highlight_regex(r'(?<= -> )\w+$', 'green')
            text.highlight_regex(r'^ *---.*', 'magenta')
            self.console.print(text, no_wrap=True, crop=False,
                               overflow='ignore')

    def table(self, headers, rows):
        """Print a table; a verdict has its colour.

        Where it is too wide, what follows the name, the first column that
        has a header, is broken between words, or stands below it.
        """
        rows = [[str(cell) for cell in row] for row in rows]
        name = sum(not header for header in headers)
        wide = self._widths(list(zip(headers, *rows, strict=True)), name)
        for row in (headers, *rows):
            styles = ['bold' if row is headers else STYLES.get(
                cell.partition(' at depth')[0].strip()) for cell in row]
            if wide:
                cells = [textwrap.wrap(_NUMBER.sub('\xa0', cell), width,
                                       break_long_words=False)
                         for cell, width in zip(row, wide, strict=True)]
                for parts in itertools.zip_longest(*cells, fillvalue=''):
                    self._columns([part.replace('\xa0', ' ')
                                   for part in parts], wide, styles)
            else:
                self._columns(row[:name + 1], wide, styles)
                self._columns(row[name + 1:], wide, styles[name + 1:], 4)

    def _widths(self, columns, name):
        """How wide each column is to be, or None where there is no room; the
        name and what is before it are not broken.
        """
        wide = [max(map(len, column)) for column in columns]
        least = [width if index <= name else max(
            (len(word) for cell in column
             for word in _NUMBER.sub('\xa0', cell).split(' ')), default=0)
            for index, (width, column)
            in enumerate(zip(wide, columns, strict=True))]
        room = self.width - 2 * (len(wide) - 1)
        if sum(least) > room:
            return None
        while sum(wide) > room:
            spare = [one - two for one, two in zip(wide, least, strict=True)]
            wide[spare.index(max(spare))] -= 1
        return wide

    def _columns(self, cells, wide, styles, indent=0):
        """Print cells side by side; without widths in as many lines as they
        need.
        """
        from rich.text import Text

        text, used = Text(' ' * indent), indent
        for index, (cell, style) in enumerate(
                zip(cells, styles, strict=False)):
            if wide:
                cell = f'{cell:<{wide[index]}}'
            elif used > indent and used + len(cell) > self.width:
                text.append('\n' + ' ' * indent)
                used = indent
            text.append(f'{cell}  ' if cell or wide else '', style)
            used += len(cell) + 2
        for line in text.split('\n'):
            line.rstrip()
            self.put(line)


def _actors(line):
    match = re.match(r' *\d+\. (\S.*?) -> (.+?):', line)
    return [match.span(1), match.span(2)] if match else []


@contextlib.contextmanager
def progress(total=None):
    """A progress bar on standard error, if that is a terminal.

    :param total: the number of states, if it is known
    :returns: what :class:`~.kernel.engine.Engine` may call, and what may
        be called with a text of what goes on; or None, twice
    """
    if not sys.stderr.isatty():
        yield None, None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = [SpinnerColumn(), BarColumn(bar_width=20),
               TextColumn('{task.description}'), TimeElapsedColumn()]
    if total:
        columns += [TextColumn('left'), TimeRemainingColumn()]
    with Progress(*columns, transient=True, console=Console(
            stderr=True)) as bar:
        task = bar.add_task('exploring', total=total)
        last = [time.monotonic(), 0]

        def tell(states, transitions, depth, seconds):
            now = time.monotonic()
            if now - last[0] < 0.1 or states == last[1]:
                return  # no news
            rate = (states - last[1]) / (now - last[0])
            last[:] = now, states
            bar.update(task, completed=states, description=(
                f'{states:,} states  depth {depth}  {rate:,.0f} states/s'))

        def say(text):
            bar.tasks[0].total = None  # how long that takes is not known
            bar.update(task, description=text)
        yield tell, say
