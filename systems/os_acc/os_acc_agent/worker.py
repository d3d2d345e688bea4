"""One call of a driver, in a process of its own.

The call is read from the standard input, and the answer is a JSON object on
the standard output: ``done``, or ``error`` and ``message``.
"""

import ctypes
import inspect
import os
import sys
from typing import Any

import msgspec
import stevedore

from os_acc_agent.driver import NAMESPACE, Driver
from os_acc_agent.workers import Call

# In the kernel's order, so that the place is the number.
CAPABILITIES = tuple(f'CAP_{name}' for name in (
    'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID '
    'SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN '
    'NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE '
    'SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME '
    'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP '
    'MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ '
    'PERFMON BPF CHECKPOINT_RESTORE').split())
VERSION = 0x20080522  # of the kernel's structure, with 64 bits
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38


def confine(keep: tuple[str, ...]) -> None:
    """Give up all capabilities but these, for good (DRIVER-025).

    :raises ValueError: there is no such capability
    :raises OSError: the kernel refuses
    """
    for name in keep:
        if name not in CAPABILITIES:
            raise ValueError(f'the kernel has no capability {name}')
    kept = {CAPABILITIES.index(name) for name in keep}
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:  # who runs a program as root would have them again
        for number in set(range(len(CAPABILITIES))) - kept:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    has = _effective()
    low, high = (sum(1 << number - start for number in kept & has
                     if start <= number < start + 32) for start in (0, 32))
    header = (ctypes.c_uint32 * 2)(VERSION, 0)
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), 'capset')


def _effective() -> set[int]:
    """The numbers of the capabilities that this process has."""
    with open('/proc/self/status', encoding='ascii') as status:
        bits = next(int(line.split()[1], 16) for line in status
                    if line.startswith('CapPrm'))
    return {number for number in range(len(CAPABILITIES))
            if bits >> number & 1}


def main() -> None:
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)  # what a driver prints is no answer
    call = msgspec.json.decode(sys.stdin.buffer.read(), type=Call)
    try:
        answer = {'done': msgspec.to_builtins(carry_out(call))}
    except Exception as error:  # a driver's; any may come
        answer = {'error': getattr(error, 'name', 'DeviceError'),
                  'message': f'{type(error).__name__}: {error}'}
    with answers:
        answers.write(msgspec.json.encode(answer))


def carry_out(call: Call) -> Any:
    """Load the driver and call it."""
    confine(call.capabilities)
    where, root = call.sysfs
    module, _, name = where.partition(':')
    sysfs = getattr(__import__(module, fromlist=[name]), name)(root)
    manager: Any = stevedore.DriverManager(NAMESPACE, call.driver)
    driver: Driver = manager.driver(sysfs, call.settings)
    if call.method == 'describe':
        return {'interface': driver.interface, 'info': driver.describe()}
    method = getattr(driver, call.method)
    hints = inspect.get_annotations(getattr(Driver, call.method))
    arguments = {name: msgspec.convert(value, hints[name])
                 for name, value in call.arguments.items()}
    if call.bitstream is not None:
        with os.fdopen(call.bitstream, 'rb') as bitstream:
            return method(bitstream=bitstream, **arguments)
    return method(**arguments)


if __name__ == '__main__':
    main()
