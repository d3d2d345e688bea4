"""How long each step and each call may take, and in which order."""

import msgspec

from os_acc.exceptions import ConfigurationError


class Timeouts(msgspec.Struct, frozen=True):
    """The options of the group ``[os_acc]``, in seconds.

    The defaults, and the sums that :meth:`check` asks for, are those of the
    section Time-outs of the spec.
    """

    rest_timeout: float = 10
    lock_timeout: float = 30
    claim_timeout: float = 60
    observe_timeout: float = 10
    fetch_timeout: float = 300
    program_timeout: float = 600
    clean_timeout: float = 300
    region_timeout: float = 660
    plug_timeout: float = 60
    unplug_timeout: float = 60
    prepare_timeout: float = 1750
    plug_call_timeout: float = 150
    unplug_call_timeout: float = 150
    release_call_timeout: float = 1150
    sync_interval: float = 60

    def check(self) -> None:
        """Whoever waits is the last to give up (OSACC-057).

        :raises ConfigurationError: naming the option, and how long it has
            to be
        """
        t = self
        ends = t.lock_timeout + t.rest_timeout
        for name, least, exactly in (
                ('claim_timeout', t.rest_timeout, False),
                ('region_timeout', 2 * t.observe_timeout + max(
                    t.program_timeout, t.clean_timeout), False),
                ('prepare_timeout', ends + t.claim_timeout
                 + 3 * t.observe_timeout + t.fetch_timeout
                 + t.region_timeout + t.program_timeout, True),
                ('plug_call_timeout', ends + 2 * t.observe_timeout
                 + t.plug_timeout, True),
                ('unplug_call_timeout', ends + 2 * t.observe_timeout
                 + t.unplug_timeout, True),
                ('release_call_timeout', ends + 3 * t.observe_timeout
                 + t.unplug_timeout + t.region_timeout + t.clean_timeout,
                 True)):
            value = getattr(t, name)
            if value < least or (value == least and not exactly):
                raise ConfigurationError(
                    f'[os_acc] {name} is {value:g} s; set it to '
                    f'{"" if exactly else "more than "}{least:g} s'
                    f'{" or more" if exactly else ""}, or shorten the '
                    'steps that it waits for')
