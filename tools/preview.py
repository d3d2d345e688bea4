"""Serve the site on loopback, rebuild it when a file is saved, and reload.

``python -m tools.preview [--port N]``.  Sphinx and the extensions are
imported once, by a builder process that has no threads; each build runs in a
fork of it, so that it starts with everything loaded and leaves nothing
behind.  A page asks ``/_version``, which answers when a build has ended.  A
build with a problem changes nothing: the terminal says what to mend, and so
does the page.
"""

import argparse
import contextlib
import functools
import http.server
import io
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import watchfiles

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ('specs', 'doc/source', 'tools', 'models', 'systems')
# Put into each HTML page that is served, never into the files.
SCRIPT = b"""
<script>
(function () {
  var banner = null;
  function poll(last) {
    fetch('/_version?serial=' + last.serial).then(function (answer) {
      return answer.json();
    }).then(function (now) {
      if (last.built !== undefined && now.built !== last.built) {
        return location.reload();
      }
      if (banner) banner.remove();
      banner = null;
      if (now.problems) {
        banner = document.createElement('pre');
        banner.textContent = now.problems;
        banner.style.cssText = 'position:fixed;left:0;right:0;bottom:0;' +
          'max-height:40vh;overflow:auto;margin:0;padding:1em;z-index:9;' +
          'background:#5c1010;color:#fff;white-space:pre-wrap';
        document.body.append(banner);
      }
      poll(now);
    }).catch(function () { setTimeout(poll, 1000, last); });
  }
  poll({serial: -1});
})();
</script>
"""


class Builder:
    """A process that has Sphinx loaded and forks once per build."""

    def __init__(self, root, out):
        ask, self.asks = os.pipe()
        self.answers, answer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self.asks)
            os.close(self.answers)
            os.chdir(root)
            _load()
            with contextlib.suppress(KeyboardInterrupt):
                while os.read(ask, 1):
                    _send(answer, _build_in_fork(root, out))
            os._exit(0)
        os.close(ask)
        os.close(answer)

    def build(self):
        """Build once.

        :returns: what was wrong, or '' if the build succeeded
        :raises OSError: if the process has gone
        """
        os.write(self.asks, b'b')
        size = int.from_bytes(_receive(self.answers, 8))
        return _receive(self.answers, size).decode(errors='replace')

    def close(self):
        os.close(self.asks)
        os.waitpid(self.pid, 0)


def _send(pipe, text):
    data = text.encode()
    with open(pipe, 'wb', closefd=False) as file:
        file.write(len(data).to_bytes(8) + data)


def _receive(pipe, size):
    data = b''
    while len(data) < size:
        more = os.read(pipe, size - len(data))
        if not more:
            raise OSError('the builder process has ended')
        data += more
    return data


def _load():
    """Import what a build needs, so that each fork has it already."""
    import openstackdocstheme.ext  # noqa: F401
    import sphinx.builders.html
    import sphinx.cmd.build  # noqa: F401
    import sphinx_needs.needs  # noqa: F401

    import tools.seqdiag.extension
    import tools.site  # noqa: F401


def _build_in_fork(root, out):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _build(root, out, writer)
    os.close(writer)
    with open(reader, encoding='utf-8', errors='replace') as pipe:
        said = pipe.read().strip()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        return ''
    return said or 'the build failed without a word'


def _build(root, out, writer):
    """Build, send what was wrong to the parent, and end this process."""
    import sphinx.cmd.build
    status = 1
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            status = sphinx.cmd.build.build_main([
                '-q', '-W', '--keep-going', '-b', 'html', 'doc/source',
                str(out)])
    except SystemExit as end:
        status = end.code
    finally:
        text = re.sub(r'\x1b\[[0-9;]*m', '', said.getvalue()).replace(
            f'{root}/doc/source/specs/', 'specs/').replace(f'{root}/', '')
        with open(writer, 'w', encoding='utf-8') as pipe:
            pipe.write(text)
        os._exit(status if isinstance(status, int) else 1)


class Site:
    """The built pages and what the last build said.

    :ivar built: number of builds that succeeded
    :ivar serial: number of builds
    :ivar problems: what the last build complained of, or ''
    """

    def __init__(self, out, builder):
        self.out, self.builder = out, builder
        self.built, self.problems, self.serial = 0, '', 0
        self.changed = threading.Condition()

    def build(self):
        """Build, and wake all who wait.

        :returns: True if the build succeeded
        """
        problems = self.builder.build()
        with self.changed:
            self.serial += 1
            self.problems = problems
            self.built += not problems
            self.changed.notify_all()
        return not problems

    def wait_for_change(self, serial, seconds):
        """Wait until a build after *serial* has ended, or time is up."""
        with self.changed:
            self.changed.wait_for(lambda: self.serial != serial, seconds)
            return {'built': self.built, 'serial': self.serial,
                    'problems': self.problems}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the pages, with the reloading script in each."""

    protocol_version = 'HTTP/1.1'

    def __init__(self, *args, site, **kwargs):
        self.site = site
        super().__init__(*args, directory=str(site.out), **kwargs)

    def log_message(self, format, *args):
        """Say nothing of each request."""

    def do_GET(self):
        if self.path.startswith('/_version'):
            return self.send_version()
        path = Path(self.translate_path(self.path))
        if any(part.startswith('.')
               for part in path.relative_to(self.site.out).parts):
            return self.send_error(404)
        if path.is_dir():
            path /= 'index.html'
        if path.suffix == '.html' and path.is_file():
            page = path.read_bytes().replace(b'</body>',
                                             SCRIPT + b'</body>')
            return self.answer(page, 'text/html; charset=utf-8')
        return super().do_GET()

    def send_version(self):
        known = re.search(r'serial=(-?\d+)', self.path)
        now = self.site.wait_for_change(
            int(known[1]) if known else -1, seconds=20)
        self.answer(json.dumps(now).encode(), 'application/json')

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        self.end_headers()
        self.wfile.write(body)


def run(site, root, address, stop):
    """Build, say so, and rebuild after each change until *stop* is set."""
    folders = [root / name for name in WATCHED if (root / name).is_dir()]
    serving = False
    # The first round comes by time-out and shows that files are watched:
    # what is saved from then on is not missed.
    for changes in watchfiles.watch(
            *folders, stop_event=stop, debounce=100, step=20,
            rust_timeout=200, yield_on_timeout=True, raise_interrupt=False):
        if serving and not changes:
            continue
        began = time.monotonic()
        good = site.build()
        took = time.monotonic() - began
        if not good:
            print(site.problems)
        if not serving:
            print(f'{address}  (Ctrl-C ends)', flush=True)
            serving = True
            continue
        names = {Path(path) for _, path in changes}
        if any(path.suffix == '.py' for path in names):
            print('Code has changed: start the preview again to use it.')
        shown = ', '.join(sorted({path.name for path in names}))
        print(f'{shown}: {"built" if good else "problems"}, {took:.1f} s',
              flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog='preview', description='Serve the site while you write.')
    parser.add_argument('--port', type=int, default=8000,
                        help='port on 127.0.0.1 (default 8000; 0: any)')
    parser.add_argument('--root', type=Path, default=ROOT,
                        help=argparse.SUPPRESS)
    parser.add_argument('--out', type=Path, help='where the pages go '
                        '(default doc/build/html)')
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    out = (options.out or root / 'doc/build/html').resolve()
    builder = Builder(root, out)  # before any thread is started
    site = Site(out, builder)
    try:
        server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', options.port),
            functools.partial(Handler, site=site))
    except (OSError, OverflowError) as error:
        print(f'port {options.port} of 127.0.0.1: {error}; choose another '
              'with --port', file=sys.stderr)
        builder.close()
        return 2
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print('building ...', flush=True)
    try:
        run(site, root, f'http://127.0.0.1:{server.server_port}/',
            threading.Event())
    except KeyboardInterrupt:
        pass
    # A second interrupt, which tox sends, must not disturb the end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    builder.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
