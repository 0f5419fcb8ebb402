"""Whether the accounts of the pools are what the leases say they are."""

from __future__ import annotations

from sqlalchemy import text
from sqlmodel import Session

# CROSS JOIN, which to SQLite means in this order: the live leases by their index, then their lines.
# Left to itself it reads every line there ever was.
_IMBALANCE = text(
    """
    SELECT coalesce(sum(
             abs(p.held - coalesce(l.held, 0)) + abs(p.leased - coalesce(l.leased, 0))
             + abs(p.scheduled - coalesce(l.scheduled, 0))
             + abs(p.contracted - (p.undelivered + p.available + p.held + p.leased + p.down
                                   + p.returned))), 0)
      FROM pool AS p LEFT JOIN (
        SELECT ll.pool_id,
               sum(CASE WHEN l.state <> 'scheduled' AND l.confirmed_at IS NULL
                        THEN ll.gpu_count ELSE 0 END) AS held,
               sum(CASE WHEN l.state <> 'scheduled' AND l.confirmed_at IS NOT NULL
                        THEN ll.gpu_count ELSE 0 END) AS leased,
               sum(CASE WHEN l.state = 'scheduled' THEN ll.gpu_count ELSE 0 END) AS scheduled
          FROM lease AS l CROSS JOIN lease_line AS ll
          WHERE l.is_live AND ll.lease_id = l.id GROUP BY ll.pool_id
      ) AS l ON l.pool_id = p.id
    """
)


def imbalance(session: Session) -> int:
    """Return by how many GPUs the accounts of all pools differ from their live leases; 0 is right.

    Held are the grants nobody has confirmed, leased the others; what is scheduled stands in no
    account yet but in its own count. The accounts of a pool add up to what is contracted.
    """
    return int(session.execute(_IMBALANCE).scalar_one())
