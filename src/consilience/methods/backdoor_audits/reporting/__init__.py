"""What an audit found, said in every form that somebody reads: JSON, HTML, SARIF and JUnit."""
