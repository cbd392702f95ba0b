"""From the settings to the regions of a cloud: clouds.yaml or an application credential, one login, the catalog."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from waldur_import_agent import __version__
from waldur_import_agent.scanners.base import BackendMisconfiguredError, BackendUnavailableError
from waldur_import_agent.scanners.openstack.answers import bound
from waldur_import_agent.scanners.openstack.cloud import Access, AgainError, Pace, Region, Sleep, in_several_tries
from waldur_import_agent.scanners.openstack.failures import failure
from waldur_import_agent.scanners.openstack.settings import ApplicationCredential, OpenStackSettings
from waldur_import_agent.scanners.openstack.wires import Wires
from waldur_import_agent.system import how_to_install, read_in_thread, read_regular

if TYPE_CHECKING:
    from keystoneauth1.access import AccessInfoV3
    from openstack.config.cloud_region import CloudRegion
    from openstack.connection import Connection

APPLICATION = "waldur-import-agent"
"""How the User-Agent begins that the services log."""
INSTALL = how_to_install("openstack")
READ = frozenset({"compute", "block-storage", "volumev3", "volumev2", "volume", "network"})
"""The catalog's names of the services whose regions count; Keystone is often in one region alone."""


FILE_MAX = 1024 * 1024
"""Bytes of a file with a credential that are read."""
SECRET_WORDS = ("password", "passcode", "secret", "token")
"""What the names of those options hold that are secrets (keystoneauth1.loading)."""

OnSecret = Callable[[str], None]


def silent(secret: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud after the login: what the credential is, and its regions. Keystone is asked through the first."""

    access: Access
    regions: tuple[Region, ...]

    @property
    def identity(self) -> Region:
        """The region through which Keystone is asked."""
        return self.regions[0]


@asynccontextmanager
async def logged_in(
    settings: OpenStackSettings, sleep: Sleep = asyncio.sleep, *, on_secret: OnSecret = silent
) -> AsyncIterator[Cloud]:
    """Read the configuration anew, and get one token. Whatever is still waited for at the end is cut off.

    `on_secret` is told each secret as soon as it is read, in a thread. Raises BackendError.
    """
    wires = Wires()
    try:
        await _look_at_files(settings)
        access, connections = await in_several_tries(partial(_log_in, settings, wires, on_secret), sleep=sleep)
        pace = Pace(settings.requests_per_second, sleep)
        yield Cloud(access, tuple(Region(connection, name, pace, sleep) for name, connection in connections.items()))
    finally:
        wires.cut()


async def _look_at_files(settings: OpenStackSettings) -> None:
    """Whether the files of the credential can be read in time: the SDK, in its thread, would wait for them for ever.

    What else may be wrong with them is told where they are used. Raises BackendUnavailableError.
    """
    credential = settings.application_credential
    for file in (settings.clouds_file, credential.secret_file if credential else None):
        if file is None:
            continue
        with contextlib.suppress(OSError):
            try:
                await read_in_thread(file, partial(read_regular, file, FILE_MAX))
            except TimeoutError as error:
                raise BackendUnavailableError(
                    f"{file} cannot be read: {error.strerror}", remedy="Look at the file server that it is on"
                ) from error


def _log_in(settings: OpenStackSettings, wires: Wires, on_secret: OnSecret) -> "tuple[Access, dict[str, Connection]]":
    """One try, in a thread. Raises AgainError where another one may help."""
    try:
        config = _configuration(settings, on_secret)
        session = config.get_session()
        wires.watch(session)
        bound(session)
        auth: Any = session.auth
        token = auth.get_access(session)
        on_secret(token.auth_token or "")
        access = _access(token)
        return access, {name: _connection(config, name) for name in _chosen(settings, config, access)}
    except Exception as error:
        meaning = failure("identity", "a token", error)
        if isinstance(meaning, BackendUnavailableError):
            raise AgainError(meaning) from error
        raise meaning from error


def _configuration(settings: OpenStackSettings, on_secret: OnSecret) -> "CloudRegion":
    try:
        from openstack.config import OpenStackConfig  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise BackendMisconfiguredError(f"openstacksdk is not there: {error}", remedy=INSTALL) from error
    given: dict[str, Any] = {"app_name": APPLICATION, "app_version": __version__}
    if settings.application_credential is not None:
        options = _options(settings.application_credential, on_secret)
        given |= {"load_yaml_config": False, "load_envvars": False}
    else:
        options = {"cloud": settings.cloud}
        if settings.clouds_file is not None:
            secure = settings.clouds_file.with_name("secure.yaml")
            given |= {"config_files": [str(settings.clouds_file)], "load_envvars": False}
            given |= {"secure_files": [str(secure)]} if secure.exists() else {}
    config = OpenStackConfig(**given).get_one(**options, api_timeout=settings.timeout)
    for name, value in config.get_auth_args().items():
        if isinstance(value, str) and any(word in name for word in SECRET_WORDS):
            on_secret(value)
    return config


def _options(credential: ApplicationCredential, on_secret: OnSecret) -> dict[str, Any]:
    """The credential as the SDK's configuration has it."""
    if credential.secret is not None:
        secret = credential.secret.get_secret_value()
    else:
        assert credential.secret_file is not None  # noqa: S101 - the settings have seen to it
        try:
            secret = read_regular(credential.secret_file, FILE_MAX).decode().split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BackendMisconfiguredError(
                f"the secret in {credential.secret_file} cannot be read: {error}", remedy="Correct secret_file"
            ) from error
    on_secret(secret)
    return {
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": credential.auth_url,
            "application_credential_id": credential.id,
            "application_credential_secret": secret,
        },
        "interface": credential.interface,
        **({"cacert": str(credential.ca_file)} if credential.ca_file else {}),
    }


def _access(token: "AccessInfoV3") -> Access:
    catalog: list[dict[str, Any]] = token.service_catalog.catalog if token.service_catalog else []
    endpoints = [endpoint for entry in catalog if entry.get("type") in READ for endpoint in entry.get("endpoints", ())]
    return Access(
        user=token.username or "",
        roles=tuple(token.role_names or ()),
        project_id=token.project_id or "",
        project_name=token.project_name or "",
        domain_id=token.project_domain_id or token.domain_id or "",
        domain_name=token.project_domain_name or token.domain_name or "",
        domain_scoped=bool(token.domain_id),
        regions=tuple(sorted({endpoint.get("region_id") or endpoint.get("region") or "" for endpoint in endpoints})),
    )


def _chosen(settings: OpenStackSettings, config: "CloudRegion", access: Access) -> tuple[str, ...]:
    """The names of the regions to read. Raises BackendMisconfiguredError where that is not clear."""
    there = access.regions
    wanted = settings.regions or ((config.region_name,) if config.region_name else ())
    unknown = [name for name in wanted if there and name not in there]
    if unknown:
        raise BackendMisconfiguredError(
            f"the catalog has no region {', '.join(unknown)}; it has: {', '.join(there)}", remedy="Correct `regions`"
        )
    if not wanted and len(there) > 1:
        raise BackendMisconfiguredError(
            f"the catalog has {len(there)} regions, and none is chosen: {', '.join(there)}",
            remedy="Set `regions`, or region_name in clouds.yaml",
        )
    return wanted or there or ("",)


def _connection(config: "CloudRegion", region: str) -> "Connection":
    """A connection to one region that shares session and token with the others."""
    from openstack.config.cloud_region import CloudRegion as Configuration  # noqa: PLC0415 - slow
    from openstack.connection import Connection as Made  # noqa: PLC0415

    return Made(
        config=Configuration(
            name=config.name,
            region_name=region or None,
            config={key: value for key, value in config.config.items() if key != "region_name"},
            session=config.get_session(),
            app_name=APPLICATION,
            app_version=__version__,
        )
    )
