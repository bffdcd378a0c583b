"""Plans, their versions and prices, coupons, and moving holders to another version."""
