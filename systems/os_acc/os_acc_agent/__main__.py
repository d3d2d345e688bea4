"""``python -m os_acc_agent FILE``: the agent, configured by a JSON file."""

import signal
import sys
import threading

import msgspec

from os_acc_agent.agent import Agent, Config, ConfigurationError
from os_acc_agent.server import listening


def main(path: str) -> int:
    """Serve until SIGTERM; returns the exit status."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    try:
        with open(path, 'rb') as file:
            config = msgspec.json.decode(file.read(), type=Config)
        agent = Agent(config)
        agent.start()
        with listening(agent):
            print('listening', flush=True)
            over.wait()
    except (OSError, msgspec.DecodeError, ConfigurationError) as error:
        print(f'{path}:1: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
