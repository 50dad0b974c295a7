"""All SQL: functions of (session, …) that return rows, one file per noun."""
