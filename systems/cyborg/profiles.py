"""Device profiles that ask for a function or a bitstream, at random.

Each step makes images and a profile, binds one ARQ by it, holds what came of
it to ``programming-at-bind`` (:func:`contract`), and takes all away again.
The models have one name for each function and one image; here a name has
several forms, and images are missing, doubled or somebody else's.
"""

import hashlib
import random
import uuid

from cyborg_models.conformance.suite import HarnessError
from systems.cyborg import images
from systems.cyborg.adapter import PROFILES, Raw, Reply, Sdk
from systems.cyborg.requests import INSTANCES, Finding, words
from systems.cyborg.stack import OTHER_PROJECT, identity, wait_for

FUNCTION = hashlib.md5(b'asked', usedforsecurity=False).hexdigest()
#: how a function's id is written: all are the same UUID
FORMS = {'plain': FUNCTION, 'with hyphens': str(uuid.UUID(FUNCTION)),
         'in capitals': FUNCTION.upper()}
#: what a profile asks for -> which images there may be for it
ASKS = {
    'function': ('one', 'none', 'several', 'of another project'),
    'bitstream': ('one', 'none', 'of another project', 'without function'),
    'both': ('one',),
}


def contract(asks, form, image):
    """What may come of a bind.

    :returns: (states of the ARQ, or () if there must be no such profile;
        the requirement)
    """
    if asks == 'both':
        return (), 'PROGBIND-023'
    if image in ('none', 'several'):
        return ('BindFailed',), 'PROGBIND-019'
    if image == 'of another project':
        return ('BindFailed',), 'PROGBIND-026'
    if image == 'without function':  # nobody says whether it is needed
        return ('Bound', 'BindFailed'), 'ARQ-015'
    return ('Bound',), 'HANDLE-011' if form == 'plain' else 'PROGBIND-027'


class Profiles:
    """Makes profiles, binds by them, and judges what came of it.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :param seed: of the chance
    """

    over = False

    def __init__(self, stack, seed):
        self.stack, self.chance = stack, random.Random(seed)
        self.admin = Raw(stack, identity(roles='admin'))
        self.clients = Raw(stack), Sdk(stack)

    def begin(self):
        """Begin an example: nothing is there."""
        self.stack.reset()
        self.story = []

    def propose(self):
        """A step: what is asked for, how it is written, and the image."""
        asks = self.chance.choice([*ASKS])
        return [asks, self.chance.choice([*FORMS]),
                self.chance.choice(ASKS[asks])]

    def take(self, step):
        """Take a step; returns list of findings."""
        self.story.append(step)
        self.client = self.clients[len(self.story) % 2]
        asks, form, image = step
        made = self._images(FORMS[form], image)
        asked = {images.FUNCTION: FORMS[form],
                 images.BITSTREAM: made[0] if made else str(uuid.uuid4())}
        if asks != 'both':
            asked = {name: value for name, value in asked.items()
                     if name.startswith(f'accel:{asks}')}
        try:
            return [*self._bound(step, asked)]
        finally:
            self.stack.reset()
            for one in made:
                self.stack.images.delete(one)

    def _images(self, function, image):
        """Upload what there is; returns ids."""
        more = {}
        if image == 'of another project':
            more = {'visibility': 'private', 'owner': OTHER_PROJECT}
        count = {'none': 0, 'several': 2}.get(image, 1)
        named = None if image == 'without function' else function
        return [self.stack.images.upload(
            images.bitstream(FUNCTION), named, **more) for _ in range(count)]

    def _bound(self, step, asked):
        """Bind by a profile; yields findings."""
        asks, form, image = step
        states, requirement = contract(*step)
        what = f'{asks} {form}, image {image}'
        answer = self.admin.send('POST', PROFILES, json=[
            {'name': 'asked', 'groups': [{'resources:FPGA': '1', **asked}]}])
        if answer.status != (201 if states else 400):
            yield Finding(
                f'{what}: profile is answered {answer.status} '
                f'{words(answer.fault)}'.strip(), requirement,
                f'answer {201 if states else 400}',
                f'answer {answer.status} {answer.fault}'.strip())
        if answer.status != 201:
            return
        created = self.client.create('asked')
        if created.status != 201:
            raise HarnessError(f'no ARQ: {created}')
        arq = created.body['arqs'][0]['uuid']
        reply = self.client.bind([arq], INSTANCES[0], self.stack.provider)
        wait_for(lambda: self.stack.jobs() == (0, 0),
                 'a bind does not end', pause=0.01)
        if not states:  # that it is refused now is well, too
            states, requirement = ('BindFailed',), 'ARQ-030'
            reply = Reply(202)
        yield from self._judge(
            what, states, requirement, reply, self._state(arq),
            [status for _, tag, status in self.stack.nova.events
             if tag == arq])

    def _state(self, arq):
        return self.stack.database.query(
            'SELECT state FROM extended_accelerator_requests '
            'WHERE uuid = %s', arq)[0]['state']

    def _judge(self, what, states, requirement, reply, state, events):
        """Hold the end of a bind to what is allowed."""
        happened = []
        if reply.status != 202:
            happened.append(
                f'answer {reply.status} {words(reply.fault)}'.strip())
        if state not in states:
            happened.append(f'the ARQ is {state}')
        told = {'Bound': ['completed'], 'BindFailed': ['failed']}.get(state)
        if told is None or events != told:
            happened.append(f'events are {", ".join(events) or "none"}')
        if happened:
            yield Finding(
                f'{what}: {"; ".join(happened)}', requirement,
                f'answer 202; the ARQ is {" or ".join(states)}; one event',
                f'{"; ".join(happened)} {reply.fault}'.strip())
        path = self.stack.folder / 'region'
        content = path.read_bytes() if path.exists() else b''
        if state == 'Bound' and content != images.bitstream(FUNCTION):
            yield Finding(
                f'{what}: Bound, and the region holds something else',
                'PROGBIND-001', 'the region holds the function',
                'it does not')
