"""Country codes of policies, and their numbers in the packet path.

A number is made of the two letters, so that files of older versions stay valid.
"""

from __future__ import annotations

UNKNOWN = "ZZ"
"""Addresses without a country; user-assigned in ISO 3166-1, 8.1.3, and CLDR's "unknown region"."""
_ISO_3166_1 = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT
MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ
UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""  # noqa: E501 - a table
COUNTRIES = frozenset((*_ISO_3166_1.split(), "EU", "XK", UNKNOWN))
"""The 249 assigned codes of ISO 3166-1 alpha-2; EU, which databases use for addresses that are only
known to be in Europe; XK, Kosovo; and ZZ."""
_OTHER_NAMES = {"UK": "GB"}
_LETTERS = 26


def known(code: str) -> str:
    """Convert a database's code to one that a policy may name: ``ZZ`` if it is none."""
    code = code.upper()
    code = _OTHER_NAMES.get(code, code)
    return code if code in COUNTRIES else UNKNOWN


def index_of(code: str) -> int:
    """Number of a code of `COUNTRIES`: 0 for ``ZZ``, else 1 to ``abi.COUNTRY_MAX``."""
    if code == UNKNOWN:
        return 0
    first, second = (ord(letter) - ord("A") for letter in code)
    return first * _LETTERS + second + 1


def code_of(index: int) -> str:
    """The code of a number."""
    if index == 0:
        return UNKNOWN
    first, second = divmod(index - 1, _LETTERS)
    return chr(ord("A") + first) + chr(ord("A") + second)
