"""What monitoring systems are told: metrics and how they are shown, alert rules, a dashboard."""
