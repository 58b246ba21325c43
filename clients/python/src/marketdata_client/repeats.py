"""What was yielded already. Delivery is at least once; a caller gets each revision once, and never an older one after a newer."""

from collections import OrderedDict
from collections.abc import Hashable


class Repeats:
    """Remembers the highest revision of the `most` keys that were seen last."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._revs: OrderedDict[Hashable, int] = OrderedDict()

    def is_new(self, key: Hashable, rev: int) -> bool:
        """True the first time that a revision is seen, unless a higher one was; it is seen from now on."""
        known = self._revs.get(key)
        if known is not None and known >= rev:
            self._revs.move_to_end(key)
            return False
        self._revs[key] = rev
        self._revs.move_to_end(key)
        if len(self._revs) > self._most:
            self._revs.popitem(last=False)
        return True
