"""The real Glance, and the bitstreams in it.

Glance runs as a process of its own with SQLite and a folder for the data, and
no keystone: whoever asks is an administrator.  Cyborg looks an image up by a
cloud whose name is fixed in its code, which a ``clouds.yaml`` gives, and
fetches it with the endpoint of its own configuration.

A bitstream here is a text that says which region it is made for and which
function it is, and then what a device takes the function from.
"""

import contextlib
import hashlib
from pathlib import Path

import requests

from systems.cyborg.stack import LIMIT, StackError, free_port

#: the name that Cyborg asks for, whatever the deployer wants
CLOUD = 'devstack-admin'
FUNCTION = 'accel:function_id'
BITSTREAM = 'accel:bitstream_id'
REGION = 'region-1'
#: what instances ask for: names of traits that Placement takes
FUNCTIONS = (hashlib.md5(b'first', usedforsecurity=False).hexdigest(),
             hashlib.md5(b'second', usedforsecurity=False).hexdigest())
SIZE = 20_000  # bytes of a bitstream


def bitstream(function, region=REGION):
    """The content of an image: a head, and bytes that follow from it."""
    head = f'bitstream for {region}\nfunction {function}\n'.encode()
    seed = hashlib.sha256(head).digest()
    return (head + seed * (SIZE // len(seed)))[:SIZE]


def read(content):
    """The function that a region with some content has; '' if it is
    undefined, None if there is none.
    """
    if not content:
        return None
    for function in FUNCTIONS:
        if content == bitstream(function):
            return function
    return ''


def configure(folder, port):
    """Write what Glance reads, and what Cyborg reads to find it.

    :returns: the part of Cyborg's configuration that names Glance
    """
    home = Path(folder, 'glance')
    (home / 'data').mkdir(parents=True)
    (home / 'glance-api.conf').write_text(f'''\
[DEFAULT]
enabled_backends = folder:file
node_staging_uri = file://{home}/staging
[database]
connection = sqlite:///{home}/glance.sqlite
[glance_store]
default_backend = folder
[folder]
filesystem_store_datadir = {home}/data
[os_glance_staging_store]
filesystem_store_datadir = {home}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {home}/tasks
[oslo_concurrency]
lock_path = {home}
[oslo_policy]
policy_file = policy.yaml
[paste_deploy]
flavor =
config_file = {home}/paste.ini
''')
    (home / 'policy.yaml').write_text(''.join(
        f'"{name}": ""\n' for name in (
            'default', 'get_images', 'get_image', 'add_image',
            'modify_image', 'delete_image', 'upload_image',
            'download_image', 'publicize_image', 'deactivate')))
    (home / 'paste.ini').write_text('''\
[pipeline:glance-api]
pipeline = versions_asked nobody root
[composite:root]
paste.composite_factory = glance.api:root_app_factory
/: versions
/v2: v2
[app:versions]
paste.app_factory = glance.api.versions:create_resource
[app:v2]
paste.app_factory = glance.api.v2.router:API.factory
[filter:versions_asked]
paste.filter_factory = \
glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:nobody]
paste.filter_factory = \
glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
''')
    point(folder, port)
    return (f'[glance]\nendpoint_override = http://127.0.0.1:{port}\n'
            f'num_retries = 0\n')


def point(folder, port):
    """Say where the conductor finds Glance: it reads this at each look."""
    path = Path(folder, 'clouds.yaml')
    new = path.with_suffix('.new')
    new.write_text(f'''\
clouds:
  {CLOUD}:
    auth_type: none
    image_endpoint_override: http://127.0.0.1:{port}
''')
    new.replace(path)


class Images:
    """Glance as one client sees it.

    :param stack: a :class:`~systems.cyborg.stack.Stack`
    :ivar good: ids of the images of ``FUNCTIONS``
    :ivar copy: id of an image that is of no function, until it is named
    :ivar text: the same of one that is no bitstream
    :ivar named: id -> the function that it was last said to be
    """

    def __init__(self, stack):
        self.folder, self.port = stack.folder, stack.image_port
        self.url = f'http://127.0.0.1:{self.port}/v2'
        self.session, self.named = requests.Session(), {}
        self.good = [self.upload(bitstream(function), function)
                     for function in FUNCTIONS]
        self.copy = self.upload(bitstream(FUNCTIONS[0]))
        self.text = self.upload(b'no bitstream\n' * 400)

    def ask(self, method, path, **arguments):
        """One request.

        :raises StackError: if it fails
        """
        try:
            answer = self.session.request(
                method, self.url + path, timeout=LIMIT, **arguments)
        except requests.RequestException as error:
            raise StackError(f'glance: {error}') from None
        if answer.status_code >= 400:
            raise StackError(f'glance: {method} {path} is answered '
                             f'{answer.status_code} {answer.text[:300]}')
        return answer

    def upload(self, content, function=None, **more):
        """Make an image; returns its id."""
        named = {} if function is None else {FUNCTION: function}
        image = self.ask('POST', '/images', json={
            'name': 'bitstream', 'disk_format': 'raw',
            'container_format': 'bare', 'visibility': 'public',
            **named, **more}).json()['id']
        self.ask('PUT', f'/images/{image}/file', data=content, headers={
            'Content-Type': 'application/octet-stream'})
        self.named[image] = function
        return image

    def name(self, image, function):
        """Say which function an image is; None: of none."""
        place = '/' + FUNCTION.replace('~', '~0').replace('/', '~1')
        has = FUNCTION in self.ask('GET', f'/images/{image}').json()
        if function is None and not has:
            return
        self.named[image] = function or self.named[image]
        change = {'op': 'remove', 'path': place} if function is None else {
            'op': 'replace' if has else 'add', 'path': place,
            'value': function}
        self.ask('PATCH', f'/images/{image}', json=[change], headers={
            'Content-Type':
                'application/openstack-images-v2.1-json-patch'})

    def delete(self, image):
        """Remove an image."""
        self.ask('DELETE', f'/images/{image}')

    # what may be wrong, each as long as it lasts

    @contextlib.contextmanager
    def none(self, function):
        """No image is the one of a function."""
        number = FUNCTIONS.index(function)
        self.name(self.good[number], None)
        try:
            yield
        finally:
            self.name(self.good[number], function)

    @contextlib.contextmanager
    def several(self, function):
        """Two images are."""
        self.name(self.copy, function)
        try:
            yield
        finally:
            self.name(self.copy, None)

    @contextlib.contextmanager
    def unfit(self, function):
        """The one that says so is no bitstream."""
        with self.none(function):
            self.name(self.text, function)
            try:
                yield
            finally:
                self.name(self.text, None)

    @contextlib.contextmanager
    def away(self, function):
        """Nobody answers where the conductor looks images up."""
        point(self.folder, free_port())
        try:
            yield
        finally:
            point(self.folder, self.port)

    @contextlib.contextmanager
    def lost(self, function):
        """Glance knows the image, and has lost its data."""
        data = (self.folder / 'glance' / 'data'
                / self.good[FUNCTIONS.index(function)])
        data.rename(data.with_suffix('.lost'))
        try:
            yield
        finally:
            data.with_suffix('.lost').rename(data)
