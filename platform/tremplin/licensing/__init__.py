"""What a tenant may use and how much of it: plans, licences, seats, grants, meters."""
