import { startFhirService } from '../../local/fhir/service'
import { describeFhirServer } from '../support/fhir/fhir-contract'
import { azureFlavour } from '../support/fhir/fhir-flavour'

describeFhirServer('the local service', () => startFhirService(), azureFlavour)
