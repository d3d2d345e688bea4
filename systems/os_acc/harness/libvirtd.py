"""A real libvirtd, by hand, that shares nothing with one of the machine.

libvirtd has its directories compiled in, so it runs in a mount namespace of
its own in which they are those of a temporary directory; only its socket is
seen from outside.  That takes root, as ``qemu:///system`` does.
"""

import contextlib
import glob
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

# Debian's qemu driver does not start without this user, whom only the
# package with the service makes; in the namespace it is known.
ACCOUNTS = (('passwd', 'libvirt-qemu:x:64055:64055::/nonexistent:'
                       '/usr/sbin/nologin\n'),
            ('group', 'libvirt-qemu:x:64055:\n'))
DIRECTORIES = {'run': '/run/libvirt', 'lib': '/var/lib/libvirt',
               'cache': '/var/cache/libvirt', 'log': '/var/log/libvirt',
               'etc': '/etc/libvirt'}
PROGRAMS = {'libvirtd': 'libvirt-daemon',
            'qemu-system-x86_64': 'qemu-system-x86',
            'unshare': 'util-linux'}
DRIVER = '/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so'


def missing() -> str | None:
    """Why no libvirtd can be had here, with the mend, or None."""
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    packages = [package for program, package in PROGRAMS.items()
                if not shutil.which(program, path=path)]
    if not glob.glob(DRIVER):
        packages.append('libvirt-daemon-driver-qemu')
    if importlib.util.find_spec('libvirt') is None:
        packages += ['libvirt-dev', 'gcc (for libvirt-python from PyPI)']
    if packages:
        return ('needs Debian\'s packages ' + ', '.join(packages)
                + ' (bindep.txt, profile libvirt)')
    if os.geteuid():
        return 'needs root, as qemu:///system does'
    return None


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A libvirtd, as long as the block runs; yields its URI.

    :raises RuntimeError: it does not start, with what it says
    """
    root = pathlib.Path(tempfile.mkdtemp(prefix='os-acc-libvirtd-'))
    for name in (*DIRECTORIES, 'sock'):
        (root / name).mkdir()
    (root / 'log' / 'qemu').mkdir()
    (root / 'libvirtd.conf').write_text(
        f'unix_sock_dir = "{root}/sock"\nauth_unix_rw = "none"\n'
        'auth_unix_ro = "none"\nunix_sock_rw_perms = "0777"\n')
    (root / 'etc' / 'qemu.conf').write_text(
        'stdio_handler = "file"\nsecurity_driver = "none"\nuser = "root"\n'
        'group = "root"\ncgroup_controllers = []\nnamespaces = []\n'
        'remember_owner = 0\n')
    mounts = dict(DIRECTORIES)
    for name, entry in ACCOUNTS:
        (root / name).write_text(pathlib.Path('/etc', name).read_text()
                                 + entry)
        mounts[name] = f'/etc/{name}'
    made = [path for path in map(pathlib.Path, DIRECTORIES.values())
            if not path.exists()]
    for path in made:
        path.mkdir(parents=True)
    script = ' && '.join(f'mount --bind {root}/{name} {place}'
                         for name, place in mounts.items())
    with open(root / 'libvirtd.log', 'wb') as log:
        daemon = subprocess.Popen(
            ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec',
             f'PATH=$PATH:/usr/sbin; {script} && exec libvirtd --config '
             f'{root}/libvirtd.conf --pid-file {root}/pid'],
            stdout=log, stderr=log, start_new_session=True)
    try:
        uri = f'qemu+unix:///system?socket={root}/sock/libvirt-sock'
        wait_for(uri, root / 'sock' / 'libvirt-sock', daemon, root)
        try:
            yield uri
        finally:
            stop_guests(uri)
    finally:
        end(daemon)
        shutil.rmtree(root, ignore_errors=True)
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()


def wait_for(uri: str, socket: pathlib.Path,
             daemon: 'subprocess.Popen[bytes]', root: pathlib.Path) -> None:
    """Until libvirtd answers."""
    import libvirt

    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    until = time.monotonic() + 60
    while time.monotonic() < until and daemon.poll() is None:
        if socket.exists():
            with contextlib.suppress(libvirt.libvirtError):
                libvirt.open(uri).close()
                return
        time.sleep(0.05)
    raise RuntimeError('libvirtd does not start: '
                       + (root / 'libvirtd.log').read_text()[-2000:])


def stop_guests(uri: str) -> None:
    """QEMU would outlive libvirtd."""
    import libvirt

    with contextlib.suppress(libvirt.libvirtError):
        connection = libvirt.open(uri)
        for domain in connection.listAllDomains(
                libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            domain.destroy()
        connection.close()


def end(daemon: 'subprocess.Popen[bytes]') -> None:
    """Stop libvirtd."""
    if daemon.poll() is None:
        os.killpg(daemon.pid, signal.SIGTERM)
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
