"""Currencies a contract can be in, and roughly what a dollar is in the common ones."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""

ACTIVE_CODES = frozenset(_CODES.split())
"""ISO 4217 codes of money in circulation (2026): no metals, no funds, no withdrawn currencies."""

ROUGH_UNITS_PER_USD: Mapping[str, Decimal] = {
    code: Decimal(units)
    for units, codes in {
        "1": "USD EUR GBP CHF CAD AUD NZD SGD",
        "4": "AED BRL ILS MYR PEN PLN QAR RON SAR",
        "8": "CNY DKK HKD",
        "10": "NOK SEK",
        "20": "CZK MXN ZAR",
        "30": "THB TRY TWD",
        "60": "PHP",
        "90": "INR",
        "140": "ISK JPY",
        "350": "HUF",
        "1000": "CLP",
        "1400": "KRW",
        "16000": "IDR",
        "25000": "VND",
    }.items()
    for code in codes.split()
}
"""To the nearest handful, and only to tell a price per month from one per hour. Never converts."""
