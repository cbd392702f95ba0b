"""Who there is in a sandbox: users with their roles, and customers. Also its clock, and how names become slugs."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from waldur_import_agent.sandbox.objects import MANAGE, Customer, Offering, Project, Role, Scope, User

TICK = timedelta(microseconds=1)
SLUG_LENGTH = 8
MANAGING_ROLES = ("OFFERING.MANAGER", "CUSTOMER.OWNER", "CUSTOMER.MANAGER")
"""Waldur's own roles that let manage backend resources."""


def hex_uuid(value: str | None) -> str:
    """A UUID, with or without dashes, as 32 hexadecimal digits; a new one for None. Raises ValueError."""
    return UUID(value).hex if value is not None else uuid4().hex


def slugify(name: str) -> str:
    """The slug of a name as Django makes it of ASCII text."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", name.lower())).strip("-_")


class People:
    """The users and the customers, in memory."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)
        self._slugs: Counter[str] = Counter()
        self.users: list[User] = []
        self.customers: dict[str, Customer] = {}
        self.roles: dict[str, frozenset[str]] = {name: frozenset({MANAGE}) for name in MANAGING_ROLES}

    def now(self) -> datetime:
        """The time by the clock, in UTC."""
        return self._clock().astimezone(UTC)

    def tick(self) -> datetime:
        """The time by the clock, and never the same twice: later by a microsecond where the clock stands still."""
        self._last = max(self.now(), self._last + TICK)
        return self._last

    def add_user(self, username: str, *, token: str | None = None, staff: bool = False, support: bool = False) -> User:
        """Add a user. Unless given, the token is `<username>-token`.

        A token `w_<expiry, unix time>_<random>` is a personal access token.
        """
        user = User(
            uuid=hex_uuid(None),
            username=username,
            full_name=f"{username} T",
            slug=self.short_slug(username),
            token=token if token is not None else f"{username}-token",
            staff=staff,
            support=support,
        )
        self.users.append(user)
        return user

    def grant(self, user: User | str, scope: Scope, role: str | None = None) -> Role:
        """Give a user (or the owner of that token) a role in an offering, a customer or a project.

        Unless named, the role is OFFERING.MANAGER, CUSTOMER.OWNER or PROJECT.MEMBER. Raises LookupError for a token
        that nobody has.
        """
        if isinstance(user, str):
            user = self._user_of_token(user)
        if role is None:
            role = {Offering: "OFFERING.MANAGER", Customer: "CUSTOMER.OWNER", Project: "PROJECT.MEMBER"}[type(scope)]
        granted = Role(role, scope, self.tick(), self.roles.get(role, frozenset()))
        user.roles.append(granted)
        return granted

    def define_role(self, name: str, *permissions: str) -> None:
        """Make a kind of role with these permissions, or change what one lets do that is granted from now on."""
        self.roles[name] = frozenset(permissions)

    def revoke(self, user: User | str, scope: Scope) -> None:
        """Take all roles of a user (or the owner of that token) in one scope away."""
        if isinstance(user, str):
            user = self._user_of_token(user)
        user.roles = [role for role in user.roles if role.scope is not scope]

    def customer(self, name: str) -> Customer:
        """The customer of that name; made if there is none."""
        if name not in self.customers:
            self.customers[name] = Customer(hex_uuid(None), name, self.short_slug(name), hex_uuid(None))
        return self.customers[name]

    def _user_of_token(self, token: str) -> User:
        for user in self.users:
            if user.token == token:
                return user
        raise LookupError("no user of the sandbox has this token")

    def short_slug(self, name: str) -> str:
        """The first eight characters of the slug and a number, as Waldur makes one where none is given."""
        stem = slugify(name)[:SLUG_LENGTH]
        self._slugs[stem] += 1
        return f"{stem}-{self._slugs[stem]}"
