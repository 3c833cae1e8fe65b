import { startFhirService } from '../../local/fhir/service'
import { describeFhirServer } from '../support/fhir-contract'
import { azureFlavour } from '../support/fhir-flavour'

describeFhirServer('the local service', () => startFhirService(), azureFlavour)
