"""How types and shapes are checked while the tests run: beartype, taking an integer where a float is asked for."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
