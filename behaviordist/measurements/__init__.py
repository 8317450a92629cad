"""Questions about models at hand, whole: from what names them to the folder of the answer."""
