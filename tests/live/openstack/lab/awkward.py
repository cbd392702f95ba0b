"""Projects that are hard on a reader: names, nesting and quotas. Made through Keystone's API, which takes them."""

from typing import Any

ARTS = "Fakultät für Ærts & Sciences"
FACULTY = "faculty-b"
OFF = "disabled-domain"
HEAT = "heat"

# each is a label, the domain, the name, and further attributes; `parent` is a label
PROJECTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("unicode", "Default", "Ünïcødé Projekt · 東京 🚀", {"description": "Łódź “quotes” ünï\nsecond line"}),
    ("spaces", "Default", "two  inner   spaces", {}),
    ("same-default", "Default", "research", {}),
    ("same-arts", ARTS, "research", {}),
    ("same-faculty", FACULTY, "research", {}),
    ("case", "Default", "Research", {}),
    ("top", "Default", "nest", {"tags": ["waldur-project=nested"]}),
    ("middle", "Default", "nest-child", {"parent": "top"}),
    ("bottom", "Default", "nest-grandchild", {"parent": "middle"}),
    ("disabled", "Default", "disabled-project", {"enabled": False}),
    ("tags", "Default", "tagged", {"tags": ["waldur", "vo:einfra", "ünï-tag", "cost center 7"]}),
    ("long", "Default", "x" * 64, {}),
    ("markup", "Default", "a/b, \"c\" <b>&amp; 'd' %2F ?x=1#y", {}),
    ("control", "Default", "tab\tnewline\nzero\u200bwidth", {}),
    ("right-to-left", "Default", "\u202eמחקר\u202c", {}),
    ("composed", "Default", "caf\u00e9", {}),
    ("decomposed", "Default", "cafe\u0301", {}),
    ("numeric", "Default", "12345", {}),
    ("none", "Default", "None", {}),
    ("like-an-id", "Default", "d41d8cd98f00b204e9800998ecf8427e", {}),
    ("extra", "Default", "extra-attributes", {"contact_email": "pi@example.org", "cost": {"center": [1, 2]}}),
    ("in-disabled-domain", OFF, "project-in-disabled-domain", {}),
    ("of-heat", HEAT, "4f53cda18c2baa0c0354bb5f9a3ecbe5-stack", {}),
    ("zero", "Default", "zero-quota", {}),
    ("unlimited", "Default", "unlimited-quota", {}),
    ("huge", "Default", "huge-quota", {}),
    ("over-quota", "Default", "usage-over-quota", {}),
    ("defaults", "Default", "default-quota-only", {}),
)
REFUSED = ("", "   ", "y" * 65)
"""Names that Keystone does not take."""
QUOTAS = {"zero": 0, "unlimited": -1, "huge": 2147483647, "over-quota": 1}
"""Labels of projects whose quotas are set through the APIs, each to this in all that it limits."""
SERVER_NAMES = ("web-01", "Ünï server 東京", "a b  c", "x" * 255, "<b>vm</b>", "web-01", "vm/with/slash", "12345")
VOLUME_NAMES: tuple[str | None, ...] = (None, "", "Ünï vol 東京", "data", "data")
