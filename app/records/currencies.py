"""The currencies of ISO 4217 in which money is billed."""

from __future__ import annotations

from app.errors import BadUserInputError

# Currencies in use, and ANG, which XCG replaced in 2025 but older bills still carry.
_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
    VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())


def checked_currency(value: str, path: tuple[str, ...] = ("input", "currency")) -> str:
    """The code in capitals. Raises BadUserInputError at that argument when ISO 4217 has no such currency."""
    code = value.strip().upper()
    if code not in CURRENCIES:
        message = f"`{path[-1]}` must be a code of ISO 4217, such as USD or EUR."
        raise BadUserInputError(message, path=path)
    return code
