"""What a token looks like in a text; its first three letters stand in random names as well."""

import re

_BEGINNINGS = "hbGciOi|0eXAiOi|raWQiOi"  # of a header that begins with alg, typ or kid
JWT = re.compile(rf"eyJ(?:{_BEGINNINGS}|[A-Za-z0-9_-]{{8,}}\.)")
