"""Peers from files of the user's own: `mine.py:Mine`."""

import importlib.util
import sys
from pathlib import Path

from peers.peer import Peer


class Unusable(Exception):
    """What is named holds no peer."""


def split(spec):
    """Return the file and the class that `mine.py:Mine` names."""
    path, colon, name = spec.rpartition(":")
    if not colon or not path.endswith(".py") or not name.isidentifier():
        raise Unusable(f"{spec}: a file and a class are expected, as in mine.py:Mine")
    if not Path(path).is_file():
        raise Unusable(f"{spec}: there is no file {path}")
    return Path(path), name


def load(spec, taken):
    """Return the class that `spec` names, whose `name` must be none of those `taken`.

    The file runs as a module whose folder is on sys.path, so that it finds what lies beside it.
    """
    path, name = split(spec)
    sys.path.append(str(path.parent.resolve()))
    described = importlib.util.spec_from_file_location(f"outside_peer_{len(taken)}", path)
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module  # dataclasses and pickles look for it there
    try:
        described.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Unusable(f"argument --peer: {spec}: {path} raised {in_a_line(error)}") from error
    cls = getattr(module, name, None)
    if cls is None:
        raise Unusable(f"argument --peer: {spec}: {path} has no {name}")
    if not (isinstance(cls, type) and issubclass(cls, Peer)):
        raise Unusable(f"argument --peer: {spec}: {name} is no subclass of peers.peer.Peer")
    missing = [method for method in needed(cls) if getattr(cls, method) is getattr(Peer, method)]
    if missing:
        raise Unusable(f"argument --peer: {spec}: {name} has no method {' and no method '.join(missing)}")
    title = cls.name or name
    if not isinstance(title, str) or not title.isprintable() or "|" in title:
        raise Unusable(f"argument --peer: {spec}: name is {title!r}, which is no column's title")
    if title in taken:
        raise Unusable(f"argument --peer: {spec}: a peer is called {title!r} already")
    cls.name = title
    return cls


def needed(cls):
    """Return the methods that a peer has to have."""
    methods = ["restart"]
    if cls.train is Peer.train:
        methods.append("epoch")
    if cls.same_cost or cls.outputs is Peer.outputs:
        methods.append("parameters")
    return methods


def in_a_line(error):
    """Return an exception's class and message in a line."""
    message = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
