"""The site's data for other programs: tables as JSON and CSV with their schemas, and forms that others have defined."""
