"""Bank statements as banks write them, for the tests of the import."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
ACCOUNT = "FR7630006000011234567890189"


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of a statement; ``ref`` empty leaves the bank's reference out."""

    label: str
    amount: str = "468.00"
    currency: str = "EUR"
    day: str = "2026-11-19"
    ref: str = ""
    side: str = "CRDT"
    status: str = "BOOK"
    reversal: bool = False
    party: str = "Campus Nova SAS"


def camt(*movements: Movement, version: str = "08", body: str = "") -> bytes:
    """Return a statement of one version; ``body`` is put after the movements."""
    entries = "".join(_entry(one, int(version)) for one in movements)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}{version}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>47</Id>"
        f"<Acct><Id><IBAN>{ACCOUNT}</IBAN></Id></Acct>{entries}{body}"
        f"</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _entry(one: Movement, version: int) -> str:
    status = f"<Cd>{one.status}</Cd>" if version >= 7 else one.status
    name = f"<Pty><Nm>{one.party}</Nm></Pty>" if version >= 8 else f"<Nm>{one.party}</Nm>"
    ref = f"<AcctSvcrRef>{one.ref}</AcctSvcrRef>" if one.ref else ""
    reversal = "<RvslInd>true</RvslInd>" if one.reversal else ""
    return (
        f'<Ntry><Amt Ccy="{one.currency}">{one.amount}</Amt><CdtDbtInd>{one.side}</CdtDbtInd>'
        f"{reversal}<Sts>{status}</Sts><BookgDt><Dt>{one.day}</Dt></BookgDt>{ref}"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"<RltdPties><Dbtr>{name}</Dbtr></RltdPties>"
        f"<RmtInf><Ustrd>{one.label}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def collective(
    *parts: tuple[str, str], total: str, ref: str = "LOT9", currency: str = "EUR"
) -> str:
    """Return a collective entry: amounts and labels that the bank booked as one."""
    details = "".join(
        f'<TxDtls><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<RmtInf><Ustrd>{label}</Ustrd></RmtInf></TxDtls>"
        for amount, label in parts
    )
    return (
        f'<Ntry><Amt Ccy="{currency}">{total}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-19</Dt></BookgDt>"
        f"<AcctSvcrRef>{ref}</AcctSvcrRef><NtryDtls>{details}</NtryDtls></Ntry>"
    )
