"""The least a credential must be allowed, made from what each adapter declares; read-only."""

from __future__ import annotations

from typing import Any, Final

from providers.supplier import Profile

AWS_NEVER: Final = (
    "ec2:CreateCapacityReservation",
    "ec2:CreateFleet",
    "ec2:ModifyCapacityReservation",
    "ec2:PurchaseCapacityBlock",
    "ec2:PurchaseCapacityBlockExtension",
    "ec2:PurchaseHostReservation",
    "ec2:PurchaseReservedInstancesOffering",
    "ec2:PurchaseScheduledInstances",
    "ec2:RequestSpotFleet",
    "ec2:RequestSpotInstances",
    "ec2:RunInstances",
    "savingsplans:CreateSavingsPlan",
)
"""What costs money: refused even if another policy allows it."""


def permissions_of(profile: Profile) -> tuple[str, ...]:
    """Return every permission that an adapter may need, each once, in order."""
    return tuple(sorted({each for needed in profile.permissions.values() for each in needed}))


def policy_of(profile: Profile) -> dict[str, Any]:
    """Return the policy in the supplier's own form, or as a list where it has none."""
    permissions = list(permissions_of(profile))
    if profile.key == "aws":
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TonnageReads",
                    "Effect": "Allow",
                    "Action": permissions,
                    "Resource": "*",
                },
                {
                    "Sid": "TonnageNeverBuys",
                    "Effect": "Deny",
                    "Action": list(AWS_NEVER),
                    "Resource": "*",
                },
            ],
        }
    if profile.key == "gcp":
        return {
            "title": "Tonnage reader",
            "description": "Reads prices, stock, reservations, commitments and quotas.",
            "stage": "GA",
            "includedPermissions": permissions,
        }
    if profile.key == "azure":
        return {
            "Name": "Tonnage reader",
            "Description": "Reads prices, stock, reservations and quotas.",
            "Actions": permissions,
            "AssignableScopes": ["/subscriptions/SUBSCRIPTION_ID"],
        }
    return {
        "supplier": profile.key,
        "permissions": permissions,
        "note": f"{profile.name} has no policy format of its own; give the credential only these.",
    }
