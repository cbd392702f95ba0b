"""Accounts that a reader of SLURM's accounting may trip over, as the sacctmgr commands that make them."""

from collections.abc import Sequence
from typing import TypeAlias

Command: TypeAlias = list[str]
Case: TypeAlias = tuple[str, str, list[Command]]
"""The account's name, what it is about, and the commands."""

AWKWARD = "hpc_awk"
OTHER_CLUSTER = "othercluster"
QOS_HIGH = ("GrpTRESMins=cpu=70000,gres/gpu=700", "GrpTRES=mem=3T", "MaxTRES=cpu=16", "GrpJobs=0", "MaxWall=1-00:00:00")
"""Limits of the QOS high, which one account has as its default."""
VERBATIM = 'Say "Hi" | it`s ÕÄÖ'
"""A text as only slurmrestd can store it: capitals and double quotes."""
AGE = ["(make it two days old)"]
"""Stands among the commands where all that was made before must be older than a day."""


def awkward_cases(cluster: str) -> list[Case]:
    """All of them, in an order in which they can be made, for the lab's own cluster."""
    project, parent = f"{AWKWARD}-prj", f"parent={AWKWARD}-prj"
    cases: list[Case] = [
        (
            AWKWARD,
            "parent of the awkward ones",
            [
                [
                    "add",
                    "account",
                    AWKWARD,
                    "parent=root",
                    "description=awkward cases",
                    "organization=tests",
                    "fairshare=10",
                ]
            ],
        ),
        (
            project,
            "limits that its children inherit",
            [
                [
                    "add",
                    "account",
                    project,
                    f"parent={AWKWARD}",
                    "description=project",
                    "organization=tests",
                    "GrpTRESMins=cpu=1000000,gres/gpu=2000",
                    "MaxJobs=40",
                    "GrpJobs=80",
                ]
            ],
        ),
    ]

    def case(name: str, about: str, *arguments: str, then: Sequence[Command] = ()) -> None:
        cases.append((name, about, [["add", "account", name, parent, *arguments], *then]))

    def plain(name: str, about: str, *arguments: str, then: Sequence[Command] = ()) -> None:
        case(name, about, "description=x", "organization=y", *arguments, then=then)

    case(
        f"{AWKWARD}-unicode",
        "non-ASCII text",
        "description=Täht õäöü 研究 🚀",
        "organization=Tartu Ülikool",
        then=[["add", "user", "awkunicode", f"account={AWKWARD}-unicode"]],
    )
    case(f"{AWKWARD}-pipe", "the delimiter in text", "description=a|b|c", "organization=o|p")
    case(f"{AWKWARD}-comma", "list separators in text", "description=a, b; c: d=e", "organization=x,y")
    case(
        f"{AWKWARD}-quotes", "quotes, which sacctmgr makes backticks", 'description=say "hi" it\'s', "organization=o'b"
    )
    case(f"{AWKWARD}-newline", "newline and tab in text", "description=line1\nline2|x", "organization=a\tb")
    case(f"{AWKWARD}-backslash", "backslash, percent, dollar", "description=back\\slash %s $HOME \\n", "organization=x")
    case(f"{AWKWARD}-blank", "text of one blank", "description= ", "organization= ")
    case(f"{AWKWARD}-longdesc", "long text", "description=" + "d" * 4000, "organization=" + "o" * 300)
    case(f"{AWKWARD}-nodesc", "no text given: sacctmgr takes the name and the parent's name")
    case(
        f"{AWKWARD}-upper-Case",
        "capitals, which sacctmgr makes small",
        "description=Mixed CASE ÕÄÖ",
        "organization=UPPER",
    )
    plain(f"{AWKWARD}-nousers", "no users, no limits")
    plain(f"{AWKWARD}-dot.under_dash", "punctuation in the name")
    plain(f"{AWKWARD} space", "blank in the name")
    plain(f"{AWKWARD}|pipe", "the delimiter in the name")
    plain(f"{AWKWARD}-new\nline", "newline in the name")
    plain(f"{AWKWARD}-õäö", "non-ASCII name")
    plain((f"{AWKWARD}-" + "x" * 60)[:42], "42 characters, which is what a unique key compares")
    plain((f"{AWKWARD}-" + "long" * 60)[:200], "200 characters")
    plain(
        f"{AWKWARD}-parts",
        "members in partitions only, with limits of their own",
        then=[
            [
                "add",
                "user",
                "awkpart1,awkpart2",
                f"account={AWKWARD}-parts",
                "partition=gpu,cpu",
                "GrpTRESMins=gres/gpu=10",
            ]
        ],
    )
    plain(
        f"{AWKWARD}-mixparts",
        "the same user with and without a partition",
        then=[
            ["add", "user", "awkmix", f"account={AWKWARD}-mixparts"],
            ["add", "user", "awkmix", f"account={AWKWARD}-mixparts", "partition=gpu", "MaxJobs=1"],
        ],
    )
    plain(
        f"{AWKWARD}-coord",
        "coordinators",
        then=[
            ["add", "user", "awkcoord1,awkcoord2,awkplain", f"account={AWKWARD}-coord"],
            ["add", "coordinator", f"account={AWKWARD}-coord", "names=awkcoord1,awkcoord2"],
        ],
    )
    plain(
        f"{AWKWARD}-qos",
        "several QOS, a default, and a member with one more",
        "QOS=normal,high,gpu-long",
        "DefaultQOS=high",
        then=[["add", "user", "awkqos", f"account={AWKWARD}-qos", "QOS=+low"]],
    )
    plain(
        f"{AWKWARD}-alllimits",
        "every limit that an account can have",
        "GrpTRES=cpu=64,gres/gpu=4,mem=512G,node=8",
        "GrpTRESMins=cpu=1000,gres/gpu=200,gres/gpu:a100=100,mem=4096G,license/matlab=30,billing=5000",
        "GrpTRESRunMins=cpu=5000",
        "MaxTRES=cpu=32",
        "MaxTRESMins=cpu=600,gres/gpu=60",
        "MaxTRESPerNode=gres/gpu=2",
        "GrpJobs=9",
        "GrpJobsAccrue=8",
        "GrpSubmitJobs=20",
        "GrpWall=2-00:00:00",
        "MaxJobs=5",
        "MaxJobsAccrue=4",
        "MaxSubmitJobs=10",
        "MaxWall=1-12:00:00",
        "Priority=7",
        "Fairshare=33",
        then=[
            [
                "add",
                "user",
                "awklim",
                f"account={AWKWARD}-alllimits",
                "MaxTRESMins=cpu=60",
                "MaxJobs=2",
                "Fairshare=parent",
            ]
        ],
    )
    plain(
        f"{AWKWARD}-zero",
        "limits of zero: blocked",
        "GrpTRESMins=cpu=0,gres/gpu=0,mem=0",
        "MaxJobs=0",
        "GrpSubmitJobs=0",
        "GrpWall=0",
    )
    plain(
        f"{AWKWARD}-unset",
        "limits set and taken away again",
        "GrpTRESMins=cpu=100,gres/gpu=5",
        "MaxJobs=3",
        then=[["modify", "account", f"{AWKWARD}-unset", "set", "GrpTRESMins=cpu=-1,gres/gpu=-1", "MaxJobs=-1"]],
    )
    plain(
        f"{AWKWARD}-huge",
        "64 bits, and a memory that no larger unit fits",
        "GrpTRESMins=cpu=9223372036854775807,mem=123456789",
    )
    plain(f"{AWKWARD}-half", "a memory that is shown with a fraction", "GrpTRES=mem=1536G")
    plain(f"{AWKWARD}-exa", "a memory in the unit that sacctmgr prints as ?", "GrpTRES=mem=17592186044416")
    plain(f"{AWKWARD}-verbatim", "a text that did not go through sacctmgr")
    plain(f"{AWKWARD}-fsparent", "fairshare of the parent", "Fairshare=parent")
    plain("awksame", "an account named like its user", then=[["add", "user", "awksame", "account=awksame"]])
    plain(
        f"{AWKWARD}-multi",
        "a user in several accounts",
        then=[
            [
                "add",
                "user",
                "awkmulti",
                f"account={AWKWARD}-nousers2,{AWKWARD}-multi,{AWKWARD}-qos",
                f"DefaultAccount={AWKWARD}-multi",
            ]
        ],
    )
    plain(
        f"{AWKWARD}-deleted",
        "deleted",
        then=[
            ["add", "user", "awkdel", f"account={AWKWARD}-deleted"],
            ["delete", "user", "awkdel"],
            ["delete", "account", f"{AWKWARD}-deleted"],
        ],
    )
    # slurmdbd erases what is younger than a day, and only flags what is older
    plain(
        f"{AWKWARD}-olddel",
        "deleted when older than a day: flagged, not erased",
        "GrpTRESMins=cpu=5",
        then=[
            ["add", "user", "awkolddel", f"account={AWKWARD}-olddel"],
            AGE,
            ["delete", "user", "awkolddel"],
            ["delete", "account", f"{AWKWARD}-olddel"],
        ],
    )
    plain(
        f"{AWKWARD}-oldreadd",
        "flagged as deleted, then added again",
        "GrpTRESMins=cpu=5",
        then=[
            ["add", "user", "awkoldreadd", f"account={AWKWARD}-oldreadd"],
            AGE,
            ["delete", "account", f"{AWKWARD}-oldreadd"],
            [
                "add",
                "account",
                f"{AWKWARD}-oldreadd",
                f"cluster={cluster}",
                f"parent={AWKWARD}",
                "description=second",
                "organization=y",
            ],
        ],
    )
    plain(
        f"{AWKWARD}-olduser",
        "one of two users removed after a day",
        then=[
            ["add", "user", "awkold1,awkold2", f"account={AWKWARD}-olduser"],
            AGE,
            ["delete", "user", "name=awkold1", f"account={AWKWARD}-olduser"],
        ],
    )
    plain(
        f"{AWKWARD}-moved",
        "under another parent than at first",
        then=[["modify", "account", f"{AWKWARD}-moved", "set", f"parent={AWKWARD}"]],
    )
    # a second cluster in the same database
    cases.append(
        (
            f"{AWKWARD}-other",
            "only on the other cluster",
            [
                ["add", "cluster", OTHER_CLUSTER],
                [
                    "add",
                    "account",
                    f"{AWKWARD}-other",
                    f"cluster={OTHER_CLUSTER}",
                    "parent=root",
                    "description=x",
                    "organization=y",
                    "GrpTRESMins=cpu=42",
                ],
                ["add", "user", "awkother", f"account={AWKWARD}-other", f"cluster={OTHER_CLUSTER}"],
            ],
        )
    )
    cases.append(
        (
            f"{AWKWARD}-both",
            "on both clusters, with different limits and parents",
            [
                [
                    "add",
                    "account",
                    f"{AWKWARD}-both",
                    f"cluster={cluster}",
                    parent,
                    "description=x",
                    "organization=y",
                    "GrpTRESMins=cpu=1",
                ],
                [
                    "add",
                    "account",
                    f"{AWKWARD}-both",
                    f"cluster={OTHER_CLUSTER}",
                    f"parent={AWKWARD}-other",
                    "GrpTRESMins=cpu=2",
                ],
            ],
        )
    )
    cases.append(
        (
            f"{AWKWARD}-noassoc",
            "without any association",
            [
                ["add", "account", f"{AWKWARD}-noassoc", f"cluster={OTHER_CLUSTER}", "description=x", "organization=y"],
                ["delete", "account", f"{AWKWARD}-noassoc", f"cluster={OTHER_CLUSTER}"],
            ],
        )
    )
    return cases
