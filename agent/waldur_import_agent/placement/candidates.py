"""Which known projects resemble a found resource most: a hint for the person who fills in the worksheet."""

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from heapq import nsmallest

from waldur_import_agent.records import FoundResource, Project

COMPARED = 20
"""So many project texts are compared with each text of a resource: those that share most of its trigrams."""
LOOKED_UP = 1500
"""So many project texts at the most are looked up by the trigrams of one text, those of its rarest trigrams first."""
LENGTH = 80
"""Characters of a text that are compared."""
WORST = 0.5
"""A candidate that resembles less is none."""


class Candidates:
    """The known projects by slug, name and backend_id."""

    def __init__(self, projects: Iterable[Project]) -> None:
        self._texts: list[tuple[str, Project]] = []
        self._sizes: list[int] = []
        self._scored: dict[str, list[tuple[float, Project]]] = {}
        self._having: dict[str, list[int]] = {}
        for project in projects:
            for text in _distinct((project.slug, project.name, project.backend_id)):
                trigrams = _trigrams(text)
                for trigram in trigrams:
                    self._having.setdefault(trigram, []).append(len(self._texts))
                self._texts.append((text, project))
                self._sizes.append(len(trigrams))

    def nearest(self, resource: FoundResource, count: int = 3) -> list[tuple[Project, float]]:
        """The projects that resemble the resource's id, name, parent or organization most, the best one first.

        Each with its score: 1 is the same text, difflib's ratio otherwise.
        """
        parent = resource.parents[0].name if resource.parents else ""
        organization = str(resource.attributes.get("organization", ""))
        best: dict[str, tuple[float, Project]] = {}
        for text in _distinct((resource.backend_id, resource.name, parent, organization)):
            if text not in self._scored:
                self._scored[text] = self._score(text)
            for score, project in self._scored[text]:
                if score > best.get(project.uuid, (0.0, project))[0]:
                    best[project.uuid] = (score, project)
        ordered = sorted(best.values(), key=lambda item: (-item[0], item[1].slug, item[1].uuid))
        return [(project, score) for score, project in ordered[:count]]

    def _score(self, text: str) -> list[tuple[float, Project]]:
        """The projects that resemble one text; resources share parents and organizations, so it is done once."""
        matcher = SequenceMatcher(b=text, autojunk=False)
        scored: list[tuple[float, Project]] = []
        for other, project in self._alike(text):
            matcher.set_seq1(other)
            score = matcher.ratio()
            if score >= WORST:
                scored.append((score, project))
        return scored

    def _alike(self, text: str) -> Iterator[tuple[str, Project]]:
        """The project texts that share most trigrams with `text`, as a share of what both have."""
        trigrams = _trigrams(text)
        shared: Counter[int] = Counter()
        left = LOOKED_UP
        for having in sorted((self._having.get(trigram, []) for trigram in sorted(trigrams)), key=len):
            shared.update(having[:left])
            left -= min(left, len(having))
        nearest = nsmallest(
            COMPARED, shared, key=lambda index: (-shared[index] / (len(trigrams) + self._sizes[index]), index)
        )
        return (self._texts[index] for index in nearest)


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text.casefold()[:LENGTH] for text in texts if text))


def _trigrams(text: str) -> set[str]:
    padded = f" {text} "
    return {padded[index : index + 3] for index in range(len(padded) - 2)}
