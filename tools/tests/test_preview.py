"""The preview: serves, rebuilds, keeps the last good page, tells of
problems.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds before a test gives up; nothing measures time


def copy_site(folder):
    """A copy of the site's sources, as a repository with one commit."""
    for name in ('doc/source', 'doc/decisions', 'specs'):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for name in ('tox.ini', 'test-requirements.txt', 'doc/requirements.txt'):
        shutil.copy(ROOT / name, folder / name)  # decisions name them
    for name in ('tools', 'models', 'systems'):
        (folder / name).symlink_to(ROOT / name)
    git = ['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org']
    for command in (['init', '-q'], ['add', '-A'],
                    ['commit', '-q', '-m', 'copy']):
        subprocess.run(git + command, cwd=folder, check=True)


class Preview(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        copy_site(cls.folder)
        cls.server = subprocess.Popen(
            [sys.executable, '-u', '-m', 'tools.preview', '--port', '0',
             '--root', str(cls.folder)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        cls.addClassCleanup(cls.stop)
        for line in cls.server.stdout:
            found = re.search(r'http://127\.0\.0\.1:(\d+)/', line)
            if found:
                cls.port = int(found[1])
                return
        raise AssertionError('the preview ended before it served a page')

    @classmethod
    def stop(cls):
        os.killpg(cls.server.pid, signal.SIGINT)
        cls.server.wait(PATIENCE)
        cls.server.stdout.close()

    def get(self, path):
        address = f'http://127.0.0.1:{self.port}/{path}'
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def version(self, serial=-1):
        return json.loads(self.get(f'_version?serial={serial}'))

    def save(self, text):
        """Save the guide's page, and wait until a build has seen it."""
        before = self.version()
        path = self.folder / 'doc/source/authors.rst'
        path.write_text(text)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            now = self.version(before['serial'])
            if now['serial'] != before['serial']:
                return now
        raise AssertionError('no build followed the change')

    def test_a_saved_file_is_on_the_page(self):
        good = (ROOT / 'doc/source/authors.rst').read_text()
        now = self.save(good.replace('A spec starts', 'Each spec starts'))
        self.assertEqual('', now['problems'])
        self.assertIn('Each spec starts', self.get('authors.html'))

    def test_a_problem_keeps_the_last_good_page(self):
        good = (ROOT / 'doc/source/authors.rst').read_text()
        self.save(good + '\nSeen before.\n')
        now = self.save(good + '\n.. seqdaig::\n\n   A -> B;\n')
        self.assertRegex(now['problems'],
                         r'doc/source/authors\.rst:\d+: .*seqdaig')
        self.assertNotIn(str(self.folder), now['problems'])
        page = self.get('authors.html')
        self.assertIn('Seen before.', page)
        self.assertNotIn('seqdaig', page)
        mended = self.save(good + '\nMended.\n')
        self.assertEqual('', mended['problems'])
        self.assertIn('Mended.', self.get('authors.html'))

    def test_only_served_pages_carry_the_script(self):
        self.assertIn('/_version', self.get('index.html'))
        self.assertIn('/_version', self.get(''))
        built = self.folder / 'doc/build/html/index.html'
        self.assertNotIn('/_version', built.read_text())

    def test_no_file_outside_the_site(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get('../../../specs/rocky-template.rst')
        caught.exception.close()
        self.assertEqual(404, caught.exception.code)

    def test_no_folder_with_a_dot(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get('.doctrees/')
        caught.exception.close()
        self.assertEqual(404, caught.exception.code)

    def test_interrupted_twice_it_ends_in_peace(self):
        """The terminal interrupts the whole group, and tox once more."""
        server = subprocess.Popen(
            [sys.executable, '-u', '-m', 'tools.preview', '--port', '0',
             '--root', str(self.folder), '--out',
             str(self.folder / 'other')],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True)
        for line in server.stdout:
            if 'http://' in line:
                break
        os.killpg(server.pid, signal.SIGINT)
        time.sleep(0.2)
        os.kill(server.pid, signal.SIGINT)
        said, _ = server.communicate(timeout=PATIENCE)
        self.assertEqual(0, server.returncode, said)
        self.assertNotIn('Traceback', said)

    def test_a_port_in_use_is_said(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            said = subprocess.run(
                [sys.executable, '-m', 'tools.preview', '--port',
                 str(port)], cwd=ROOT, capture_output=True, text=True,
                timeout=PATIENCE)
        self.assertEqual(2, said.returncode)
        self.assertIn('choose another with --port', said.stderr)
        self.assertNotIn('Traceback', said.stderr)


if __name__ == '__main__':
    unittest.main()
