#!/bin/bash
# Flask-Caching 2.5.1: memoize() gives the result for one argument to another, if the parameter is positional-only.
#
# Seen: @cache.memoize() on def price(item, /, currency="EUR"). price("bread", currency="USD") is worked out and cached;
# price("milk", currency="USD") is then the price of bread, and so is each further item in USD. It needs two things: a
# parameter in front of "/", and a call that gives another argument by its name. price("milk", "USD") is right, and with
# the "/" taken out every call is. In a method it is the object that is overlooked: of two shops with their own prices,
# each has those of the one that was asked first. And delete_memoized(price, "milk", currency="USD") makes it forget the
# price of bread, so that bread has the price of milk from then on. There is no error and no line in the log, and each
# call that is tested alone, with an empty cache, is right.
#
# Expected: memoize() is documented to take the arguments into account in the cache key. A parameter in front of "/" is
# an argument like any other, only that callers cannot name it (PEP 570). functools.lru_cache of the standard library,
# the control here, is right for each of these calls.
#
# Source: Cache._memoize_kwargs_to_args() in flask_caching/__init__.py and get_arg_names() in flask_caching/utils.py of
# that version, read there, and run here, as in 2.3.1: positional-only parameters are not among the names, so that a
# value is taken for the next parameter, or, if that one was named, falls away. The like of it was mended for *args in
# pallets-eco/flask-caching#68, and for defaults such as 0 in #656; neither speaks of "/". It bites who writes a "/" as
# a parameter's name is nobody else's business. Until then: no "/" in a function that is memoized.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Flask-Caching==2.5.1 Flask==3.1.3 cachelib==0.17.0

cat >shop.py <<'PYTHON'
import sys
from functools import lru_cache

from flask import Flask
from flask_caching import Cache

kind, case = sys.argv[1:]
app = Flask("shop")
cache = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
cached = cache.memoize() if kind == "memoize" else lru_cache()


@cached
def price(item, /, currency="EUR"):
    return f"{item} in {currency}"


@cached
def named(item, currency="EUR"):
    return f"{item} in {currency}"


class Shop:
    def __init__(self, name):
        self.name = name

    @cached
    def price(self, item, /, currency="EUR"):
        return f"{item} in {currency} from {self.name}"


def deleted():
    cache.delete_memoized(price, "milk", currency="USD")
    return price("milk", currency="USD")


here, there = Shop("here"), Shop("there")
cases = {
    "currency by name": lambda: (price("bread", currency="USD"), price("milk", currency="USD")),
    "currency by place": lambda: (price("bread", "USD"), price("milk", "USD")),
    "currency by default": lambda: (price("bread"), price("milk")),
    "method": lambda: (here.price("bread", currency="USD"), there.price("bread", currency="USD")),
    "no slash": lambda: (named("bread", currency="USD"), named("milk", currency="USD")),
    "deleted": lambda: (price("bread", currency="USD"), deleted(), price("bread", currency="USD")),
}
with app.app_context():
    print(*cases[case](), sep=", ")
PYTHON

# see KIND CASE EXPECTED
see() {
    local seen
    seen=$(venv/bin/python shop.py "$1" "$2")
    echo "$1, $2: $seen"
    [ "$seen" = "$3" ] || { echo "expected: $3"; exit 1; }
}

see memoize 'currency by place' 'bread in USD, milk in USD'
see memoize 'currency by default' 'bread in EUR, milk in EUR'
see memoize 'currency by name' 'bread in USD, bread in USD'
see memoize method 'bread in USD from here, bread in USD from here'
see memoize deleted 'bread in USD, milk in USD, milk in USD'
see memoize 'no slash' 'bread in USD, milk in USD'
see lru_cache 'currency by name' 'bread in USD, milk in USD'
see lru_cache method 'bread in USD from here, bread in USD from there'
