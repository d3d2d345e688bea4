"""What the commands print: lines, tables and progress, in colour.

Rich is imported only when something is printed.  Where the output is no
terminal there is no colour, no progress, and a width of 80 columns unless
``COLUMNS`` says another.
"""

import contextlib
import re
import sys
import textwrap
import time

STYLES = {'holds': 'green', 'witnessed': 'green', 'as expected': 'green',
          'violated': 'bold red', 'not witnessed': 'bold red',
          'differs': 'bold red', 'inconclusive': 'yellow'}


class Terminal:
    """Standard output, for people."""

    def __init__(self):
        from rich.console import Console

        self.console = Console(highlight=False, markup=False, emoji=False)
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
        """Print a line as it is."""
        self.console.print(text, style=style, no_wrap=True, crop=False,
                           overflow='ignore')

    def pairs(self, rows, indent=2):
        """Print (name, text) rows; the texts begin in one column."""
        rows = [(str(name), str(text)) for name, text in rows]
        first = min(max((len(name) for name, _ in rows), default=0),
                    self.width // 2)
        for name, text in rows:
            start = f'{" " * indent}{name:<{first}}  '
            if len(name) > first:
                self.put(f'{" " * indent}{name}')
                start = ' ' * len(f'{" " * indent}{"":<{first}}  ')
            wrapped = textwrap.wrap(
                text, max(16, self.width - len(start)),
                break_on_hyphens=False) or ['']
            self.put((start + wrapped[0]).rstrip())
            for part in wrapped[1:]:
                self.put(' ' * len(start) + part)

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

    def table(self, headers, rows, numbers=()):
        """Print a table; a verdict has its colour.

        :param numbers: which columns are set to the right
        """
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0),
                      header_style='bold', show_edge=False)
        for index, header in enumerate(headers):
            table.add_column(
                Text(header), overflow='fold',
                justify='right' if index in numbers else 'left')
        for row in rows:
            table.add_row(*(Text(str(cell), STYLES.get(
                str(cell).partition(' at depth')[0], '')) for cell in row))
        with self.console.capture() as kept:
            self.console.print(table)
        for line in kept.get().rstrip('\n').split('\n'):
            self.console.file.write(line.rstrip() + '\n')


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
            if now - last[0] < 0.1:
                return
            rate = (states - last[1]) / (now - last[0])
            last[:] = now, states
            bar.update(task, completed=states, description=(
                f'{states:,} states  depth {depth}  {rate:,.0f} states/s'))

        def say(text):
            bar.update(task, total=None, description=text)
        yield tell, say
